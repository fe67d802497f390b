"""One-thread training workers over shared weights, with a budget in minutes and resume.

Two processes of one thread each beat one process of two OpenMP threads as soon as anything
else runs on the machine. They write to the same weights without locks ("Hogwild"); each
keeps its own optimiser state. Progress is counted in elapsed minutes and stored with the
weights, so that a stopped run goes on where it was.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.multiprocessing as mp

SAVE_SECONDS = 90.0
LOG_STEPS = 50
LOG = logging.getLogger("training")


@dataclass
class Clock:
    """How far a budgeted run is: the elapsed share of its minutes, across restarts."""

    minutes: float
    spent: float = 0.0  # seconds before this start
    started: float = field(default_factory=time.time)

    @property
    def elapsed(self) -> float:
        """Seconds spent so far, in this and in earlier starts."""
        return self.spent + time.time() - self.started

    @property
    def progress(self) -> float:
        """Elapsed share of the budget, 0 to 1."""
        return min(1.0, self.elapsed / (60 * self.minutes))


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    torch.save(state, part)
    part.replace(path)


def load_state(path: Path) -> dict[str, Any]:
    """The stored state, or an empty one."""
    if not path.exists():
        return {}
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def run_workers(target: Callable[..., None], count: int, *arguments: Any) -> None:
    """Run `target(rank, *arguments)` in `count` one-thread processes and wait for all."""
    if count == 1:
        torch.set_num_threads(1)
        target(0, *arguments)
        return
    context = mp.get_context("fork")
    torch.set_num_threads(1)
    group = [context.Process(target=target, args=(rank, *arguments)) for rank in range(count)]
    for process in group:
        process.start()
    for process in group:
        process.join()
    if any(process.exitcode for process in group):
        raise RuntimeError("a training worker failed; run the command again to resume")


class Saver:
    """Tells when the next save is due."""

    def __init__(self) -> None:
        self._last = time.time()

    def due(self, clock: Clock) -> bool:
        """True every `SAVE_SECONDS`, and once the budget is used up."""
        if time.time() - self._last < SAVE_SECONDS and clock.progress < 1:
            return False
        self._last = time.time()
        return True


class Fitted(Protocol):
    """A training that goes step by step."""

    step: int

    def update(self, rate: float) -> float:
        """Take one step at a learning rate, count it, and give its loss."""

    def save(self, path: Path, spent: float) -> None:
        """Store everything needed to go on after `spent` seconds."""


def fit(job: Fitted, path: Path, clock: Clock, rate: Callable[[float, int], float], *, label: str) -> None:
    """Step until the clock's minutes are used up; logs the mean loss, saves to `path` now and then.

    `rate` gives the learning rate from the progress (0 to 1) and the number of steps done.
    """
    saver, seen, begun = Saver(), 0.0, time.time()
    while clock.progress < 1:
        seen += job.update(rate(clock.progress, job.step))
        if job.step % LOG_STEPS == 0:
            pace = (time.time() - begun) / LOG_STEPS
            share = 100 * clock.progress
            LOG.info(
                "%s step %d loss %.4f %.2f s/step %.0f%%", label, job.step, seen / LOG_STEPS, pace, share
            )
            seen, begun = 0.0, time.time()
        if saver.due(clock):
            job.save(path, clock.elapsed)
