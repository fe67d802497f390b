"""How long work really takes: pure functions over what was learned from finished jobs.

A prediction in TFLOP says how jobs of one family relate to each other; how families, sizes and devices relate
is measured: for each kind of work, a running mean of the seconds of a device per predicted TFLOP. The mean is
of logarithms, and a sample that is far off counts as one at ``LARGEST_STEP`` from it, so that one odd job -
a model's first, another program on the GPU - moves nothing much.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

LARGEST_CORRECTION: Final = 8.0
"""How many times dearer, or cheaper, measuring can make a kind of work in fair shares."""
LARGEST_STEP: Final = math.log(4.0)
"""How far off a sample may seem to be."""
MEMORY: Final = 20
"""Samples that the mean remembers, roughly: the newest counts for at least one in so many."""
SIDES: Final = (384, 576, 832, 1280, 2048)
"""Sizes of work: up to so many pixels of side, were the picture a square."""
PROCESSING: Final = "processing"
"""The work of jobs that paint nothing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is measured together."""

    family: str
    """A value of ``ModelFile.Family``; empty for jobs without a checkpoint."""
    work: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One running mean."""

    device: str
    kind: Kind
    seconds: float
    """Of the device per predicted TFLOP; positive."""
    samples: int


def kind_of(*, family: str, width: int, height: int) -> Kind:
    """The kind of a job that paints so many pixels with a model of this family; without a family, of one that
    paints nothing.
    """
    if not family:
        return Kind("", PROCESSING)
    side = math.sqrt(width * height)
    return Kind(family, f"paint {next((limit for limit in SIDES if side <= limit), 'more')}")


def learned(before: float, samples: int, sample: float) -> float:
    """The mean with one more sample, where ``samples`` made it what it was. All are positive."""
    step = math.log(sample / before)
    bounded = max(-LARGEST_STEP, min(LARGEST_STEP, step))
    return before * math.exp(bounded / min(samples + 1, MEMORY))


@dataclass(frozen=True, slots=True)
class Paces:
    """All that was learned, at one moment."""

    rows: Sequence[Measured] = ()
    loads: Sequence[Measured] = field(default=())
    """Seconds of loading a model, by device and family; their ``kind.work`` says nothing."""

    def seconds(self, cost_tflop: float, kind: Kind, *, device: str = "") -> float | None:
        """Seconds that a device takes for the work: what is measured nearest to it. None: nothing yet.

        Without ``device`` the mean of all of them.
        """
        found = _first_found(
            self.rows,
            lambda row: row.device == device and row.kind == kind,
            lambda row: row.device == device and row.kind.family == kind.family,
            lambda row: row.device == device,
            lambda row: row.kind == kind,
            lambda row: row.kind.family == kind.family,
            lambda _: True,
        )
        return cost_tflop * _mean(found) if found else None

    def correction(self, kind: Kind) -> float:
        """What the predicted work has to be multiplied with to be comparable with other kinds: how slow it is
        on its devices, against all that they do. From ``1 / LARGEST_CORRECTION`` to ``LARGEST_CORRECTION``.
        """
        own = _first_found(
            self.rows, lambda row: row.kind == kind, lambda row: row.kind.family == kind.family
        )
        if not own:
            return 1.0
        ratios = [
            Measured(
                row.device,
                row.kind,
                row.seconds / _mean([one for one in self.rows if one.device == row.device]),
                row.samples,
            )
            for row in own
        ]
        return max(1 / LARGEST_CORRECTION, min(LARGEST_CORRECTION, _mean(ratios)))

    def tflops(self, device: str = "") -> float | None:
        """Predicted work that a device does in a second, over all that it does. None: nothing is known."""
        found = _first_found(self.rows, lambda row: row.device == device, lambda _: True)
        return 1.0 / _mean(found) if found else None

    def load_seconds(self, family: str, *, device: str = "") -> float | None:
        """Seconds that loading a model of the family takes. None: nothing is known."""
        found = _first_found(
            self.loads,
            lambda row: row.device == device and row.kind.family == family,
            lambda row: row.kind.family == family,
            lambda row: row.device == device,
            lambda _: True,
        )
        return _mean(found) if found else None


def _first_found(rows: Sequence[Measured], *conditions: Callable[[Measured], bool]) -> list[Measured]:
    """The rows that meet the first condition that any meets."""
    for condition in conditions:
        if found := [row for row in rows if condition(row)]:
            return found
    return []


def _mean(rows: Sequence[Measured]) -> float:
    """Geometric, each row by its samples, as far as its memory goes."""
    weights = [min(row.samples, MEMORY) for row in rows]
    logs = sum(weight * math.log(row.seconds) for weight, row in zip(weights, rows, strict=True))
    return math.exp(logs / sum(weights))
