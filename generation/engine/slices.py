"""Long work on the device, cut into slices, so that other people's pictures go on in between."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Portion:
    """How far a piece of work is: ``done`` of ``total`` slices."""

    done: int
    total: int


Slices = Generator[Portion, None, T]
"""Yields before or between slices of at most about a second on a GPU, and returns the result. Closing it
abandons the work and must leave nothing behind.
"""


def run_through(slices: Slices[T]) -> T:
    """The result, without a pause."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            value: T = end.value
            return value
