"""The engine without a portal: ``python -m generation.engine "a red fox" -o fox.png``."""

import argparse
import secrets
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, get_args

from generation.engine.catalog import SAMPLERS, SCHEDULES
from generation.engine.errors import EngineError, GenerationCancelled
from generation.engine.infotext import document_write, infotext_write, recipe_of
from generation.engine.spec import (
    MAX_BATCH_SIZE,
    MAX_SEED,
    Device,
    EngineConfig,
    GenerationRequest,
    GenerationResult,
    ModelRef,
    Precision,
    Progress,
)

DEMO_MODEL: Final = Path(__file__).resolve().parents[2] / "models_hub/demo/base"
"""The checkpoint that comes with the repository."""
_BAR: Final = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate and save; returns the exit status: 0, 1 for a refused request, 130 after Ctrl+C."""
    options = _parser().parse_args(arguments)
    try:
        request = _request(options)
        config = EngineConfig(device=options.device, precision=options.precision)
        result = _generate(config, request)
        for path in _save(options.output, request, result):
            sys.stdout.write(f"{path}\n")
    except (EngineError, OSError) as error:
        return _complain(error)
    except (GenerationCancelled, KeyboardInterrupt):
        sys.stderr.write("\nStopped.\n")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m generation.engine", description="Text to picture.")
    add = parser.add_argument
    add("prompt")
    add("-o", "--output", type=Path, default=Path("picture.png"), help="PNG file; a batch gets -2, -3, ...")
    add("-m", "--model", type=Path, default=DEMO_MODEL, help="diffusers folder or .safetensors file")
    add("-n", "--negative", default="", help="what should not be in the picture")
    add("--width", type=int, help="pixels; the model's own size if not given")
    add("--height", type=int, help="pixels; the model's own size if not given")
    add("--steps", type=int, default=20)
    add("--guidance", type=float, default=7.5)
    add("--sampler", default="Euler", help=", ".join(info.name for info in SAMPLERS))
    add("--schedule", default="Automatic", help=", ".join(info.label for info in SCHEDULES))
    add("--seed", type=int, default=-1, help="-1 for a random one")
    add("--batch", type=int, default=1, help=f"pictures, at most {MAX_BATCH_SIZE}")
    add("--clip-skip", type=int, default=0, help="layers of the text encoder to leave out")
    add("--device", choices=get_args(Device), default="auto")
    add("--precision", choices=get_args(Precision), default="auto")
    return parser


def _request(options: argparse.Namespace) -> GenerationRequest:
    from generation.engine.checkpoints import detect

    side = detect(options.model).native_size
    return GenerationRequest(
        checkpoint=ModelRef(path=options.model, name=options.model.stem),
        prompt=options.prompt,
        negative_prompt=options.negative,
        width=options.width or side,
        height=options.height or side,
        steps=options.steps,
        guidance_scale=options.guidance,
        sampler=options.sampler,
        schedule=options.schedule,
        seed=secrets.randbelow(MAX_SEED) if options.seed == -1 else options.seed,
        batch_size=options.batch,
        clip_skip=options.clip_skip,
    )


def _generate(config: EngineConfig, request: GenerationRequest) -> GenerationResult:
    from generation.engine.step_engine import StepEngine

    engine = StepEngine(config)
    stop = threading.Event()
    try:
        future = engine.submit(request, on_progress=_show, is_cancelled=stop.is_set)
        return _wait(future, stop)
    finally:
        engine.close()
        if sys.stderr.isatty():
            sys.stderr.write("\n")


def _wait(future: "Future[GenerationResult]", stop: threading.Event) -> GenerationResult:
    try:
        return future.result()
    except KeyboardInterrupt:
        stop.set()
        return future.result()


def _show(progress: Progress) -> None:
    # Only for people: in a log, a redrawn line is a page of noise.
    if sys.stderr.isatty():
        done = _BAR * progress.step // max(1, progress.total)
        bar = "#" * done + "." * (_BAR - done)
        sys.stderr.write(f"\r[{bar}] {progress.step}/{progress.total} {progress.status}   ")
        sys.stderr.flush()


def _save(output: Path, request: GenerationRequest, result: GenerationResult) -> list[Path]:
    from PIL.PngImagePlugin import PngInfo

    paths = []
    for index, (image, seed) in enumerate(zip(result.images, result.seeds, strict=True), start=1):
        path = output if index == 1 else output.with_stem(f"{output.stem}-{index}")
        facts = PngInfo()
        infotext = infotext_write(
            request, seed=seed, model_hash="", model_name=request.checkpoint.name, version="sdweb"
        )
        facts.add_itxt("parameters", infotext)
        facts.add_text("recipe", document_write(recipe_of(request, seed=seed)))
        image.save(path, "PNG", pnginfo=facts)
        paths.append(path)
    return paths


def _complain(error: EngineError | OSError) -> int:
    hint = error.hint if isinstance(error, EngineError) else ""
    sys.stderr.write(f"error: {error}\n" + (f"  {hint}\n" if hint else ""))
    return 1
