"""The engine without a portal: ``python -m generation.engine "a red fox" -o fox.png``."""

import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from generation.engine.cli.arguments import DEMO_MODEL, parser
from generation.engine.cli.order import request_from
from generation.engine.errors import EngineError, GenerationCancelled
from generation.engine.infotext import document_write, infotext_write, recipe_of
from generation.engine.spec import EngineConfig, GenerationRequest, GenerationResult, Progress, Request

__all__ = ["DEMO_MODEL", "main"]

_BAR: Final = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate and save; returns the exit status: 0, 1 for a refused request, 130 after Ctrl+C."""
    options = parser().parse_args(arguments)
    try:
        request = request_from(options)
        config = EngineConfig(device=options.device, precision=options.precision, helpers=options.helpers)
        result = _generate(config, request)
        for path in _save(options.output, request, result):
            sys.stdout.write(f"{path}\n")
    except (EngineError, OSError) as error:
        return _complain(error)
    except (GenerationCancelled, KeyboardInterrupt):
        sys.stderr.write("\nStopped.\n")
        return 130
    return 0


def _generate(config: EngineConfig, request: Request) -> GenerationResult:
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


def _save(output: Path, request: Request, result: GenerationResult) -> list[Path]:
    from PIL.PngImagePlugin import PngInfo

    paths = []
    for index, image in enumerate(result.images, start=1):
        path = output if index == 1 else output.with_stem(f"{output.stem}-{index}")
        facts = PngInfo()
        if isinstance(request, GenerationRequest):
            seed, name = result.seeds[index - 1], request.checkpoint.name
            infotext = infotext_write(request, seed=seed, model_hash="", model_name=name, version="sdweb")
            facts.add_itxt("parameters", infotext)
            facts.add_text("recipe", document_write(recipe_of(request, seed=seed)))
        image.save(path, "PNG", pnginfo=facts)
        paths.append(path)
    return paths


def _complain(error: EngineError | OSError) -> int:
    hint = error.hint if isinstance(error, EngineError) else ""
    sys.stderr.write(f"error: {error}\n" + (f"  {hint}\n" if hint else ""))
    return 1
