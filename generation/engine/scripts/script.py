"""Scripts: what is done for a request, from its first model to its last picture, written as one generator.

A script runs on the device thread and gives it back wherever something takes time: it yields what it waits
for, and the engine goes on with it when that has come. Between two yields lies at most one piece of device
work, so nobody else's pictures wait longer than that. A script is closed where its request is cancelled or
fails.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum, auto
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from generation.engine.devices import memory_retry
from generation.engine.model_cache import ModelCache, ModelKind, cache_key
from generation.engine.resident import Resident
from generation.engine.rows import Row
from generation.engine.run import Run
from generation.engine.slices import Portion, Slices
from generation.engine.spec import EngineConfig, ModelRef, Status

if TYPE_CHECKING:
    from PIL.Image import Image

    from generation.engine.conditioning import Conditioner

T = TypeVar("T")
R = TypeVar("R", bound=Resident)


class Want(Enum):
    """What a script waits for."""

    MODEL = auto()
    """A model that is being read."""
    ROWS = auto()
    """That all rows of its run rest."""
    TURN = auto()
    """A turn on the device, of which each round of the engine gives one to whoever waits longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a script comes to."""

    images: "tuple[Image, ...]"
    seeds: tuple[int, ...] = ()
    steps: int = 0
    """Denoiser calls per row of the first pass."""
    buckets: tuple[int, ...] = ()
    control_maps: "tuple[Image, ...]" = ()


Step = Generator[Want, None, T]
"""A part of a script that returns something."""
Script = Step[Outcome]


@dataclass(slots=True, eq=False, kw_only=True)
class Desk:
    """What a script works with."""

    run: Run
    config: EngineConfig
    device: torch.device
    dtype: torch.dtype
    cache: ModelCache
    conditioner: "Conditioner"

    def model(self, kind: ModelKind[R], ref: ModelRef) -> Step[R]:
        """The loaded model, held until the run ends. Raises ``EngineError`` where it cannot be loaded."""
        key = cache_key(ref, kind.name)
        run = self.run
        run.started = run.started or monotonic()
        if key not in run.leases:
            self.cache.acquire(key, ref, kind)
            run.leases.append(key)
        model: R | None = self.cache.get(key)
        if model is None:
            run.report("loading")
        while model is None:
            yield Want.MODEL
            model = self.cache.get(key)
        return model

    def kept(self, key: str, label: str, make: Callable[[], Slices[R]]) -> Step[R]:
        """Something made of models, remembered as long as there is room, and held until the run ends."""
        if not self.cache.hold(key):
            try:
                made = yield from self.slices("loading", make())
            except torch.OutOfMemoryError:
                self.cache.evict_idle()
                made = yield from self.slices("loading", make())
            self.cache.keep(key, label, made)
        self.run.leases.append(key)
        found: R | None = self.cache.get(key)
        if found is None:
            raise RuntimeError(f"something held is gone: {key}")
        return found

    def denoise(self, rows: list[Row]) -> Step[None]:
        """Let the rows go through ticks until all of them rest."""
        self.run.take_up(rows)
        self.run.report("denoising")
        while not self.run.resting:
            yield Want.ROWS

    def turn(self) -> Step[None]:
        """Wait for a turn, for one piece of device work."""
        yield Want.TURN

    def attempt(self, work: Callable[[], T]) -> T:
        """The result of one piece of device work, tried again with more room where memory runs out."""
        return memory_retry(work, self.cache.evict_idle)

    def slices(self, status: Status, work: Slices[T]) -> Step[T]:
        """Go through long work, a turn for each slice."""
        portion = Portion(0, 0)
        try:
            while True:
                yield Want.TURN
                try:
                    portion = next(work)
                except StopIteration as end:
                    self.run.proceed(Portion(portion.total, portion.total))
                    value: T = end.value
                    return value
                self.run.proceed(portion)
                self.run.report(status)
        finally:
            work.close()

    def close(self) -> None:
        """Let go of the models, the checkpoint that came first last: it is what the next job may want."""
        for key in reversed(self.run.leases):
            self.cache.release(key)
        self.run.leases.clear()


Perform = Callable[[Desk, Any], Script]
"""A script for one type of request."""
