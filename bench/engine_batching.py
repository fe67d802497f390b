"""Eight different requests: one after another, or together?

    python -m bench.engine_batching [--model FOLDER] [--side 128] [--steps 20] [--rounds 3]

Runs both ways in turn, several rounds, in one process, and prints the medians. The requests differ in
prompt, sampler, guidance and seed. Results depend on the machine: run it where it matters.
"""

import argparse
import platform
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, get_args

from generation.engine.cli import DEMO_MODEL
from generation.engine.spec import Device, EngineConfig, GenerationRequest, ModelRef, Precision
from generation.engine.step_engine import StepEngine

PROMPTS: Final = ("a red fox", "a blue cat", "an apple", "a boat", "a house", "a tree", "a dragon", "a car")
SAMPLERS: Final = ("Euler", "Euler a", "DPM++ 2M", "DDIM", "LMS", "UniPC", "DPM++ 2M SDE", "DEIS")


def main() -> None:
    options = _options()
    engine = StepEngine(EngineConfig(device=options.device, precision=options.precision))
    requests = [
        GenerationRequest(
            checkpoint=ModelRef(path=options.model),
            prompt=prompt,
            sampler=sampler,
            guidance_scale=5.0 + index / 2,
            seed=index,
            steps=options.steps,
            width=options.side,
            height=options.side,
        )
        for index, (prompt, sampler) in enumerate(zip(PROMPTS, SAMPLERS, strict=True))
    ]
    started = perf_counter()
    first = engine.submit(requests[0]).result()
    _say(f"{platform.processor() or platform.machine()}, {first.device}, {first.dtype}, {options.side} px")
    _say(f"first picture after {perf_counter() - started:.2f} s (imports and loading included)\n")
    alone, together = [], []
    for _ in range(options.rounds):
        alone.append(_timed(engine, [[request] for request in requests]))
        together.append(_timed(engine, [requests]))
    engine.close()
    _say(f"{'':24}{'seconds':>9}{'ticks':>7}{'pictures/s':>12}")
    for name, rounds in (("one after another", alone), ("all eight together", together)):
        seconds, ticks = median(time for time, _ in rounds), rounds[0][1]
        _say(f"{name:24}{seconds:9.2f}{ticks:7}{len(requests) / seconds:12.2f}")
    gain = median(time for time, _ in alone) / median(time for time, _ in together)
    _say(f"\ntogether is {gain:.2f} times as fast (medians of {options.rounds})")


def _timed(engine: StepEngine, groups: list[list[GenerationRequest]]) -> tuple[float, int]:
    """Seconds and ticks for the groups one after another, the requests of a group together."""
    ticks, started = engine.stats().ticks, perf_counter()
    for group in groups:
        for future in [engine.submit(request) for request in group]:
            future.result()
    return perf_counter() - started, engine.stats().ticks - ticks


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=DEMO_MODEL)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=get_args(Device), default="auto")
    parser.add_argument("--precision", choices=get_args(Precision), default="auto")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
