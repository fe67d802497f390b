"""How long the device works, and for whom."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, Protocol

import torch

from generation.engine.spec import DeviceUse

RECENT_TICKS: Final = 50
"""Ticks over which ``Meter.tick_ms`` is a mean."""


class Stopwatch(Protocol):
    """Takes times on a device."""

    def mark(self) -> Any:
        """This moment of the device's work."""
        ...

    def between(self, begun: Any, ended: Any, *, wait: bool) -> float | None:
        """Seconds from one mark to another; None while the device is not there yet, unless told to wait."""
        ...


class ThreadStopwatch:
    """For a CPU: its work is done when the call returns."""

    def mark(self) -> float:
        """Now."""
        return perf_counter()

    def between(self, begun: float, ended: float, *, wait: bool) -> float | None:
        """Never has to wait."""
        del wait
        return ended - begun


class StreamStopwatch:
    """For CUDA, which works on while Python has gone on: marks in its stream, read once it has passed them,
    so that nothing is held up.
    """

    def mark(self) -> torch.cuda.Event:
        """The end of what is in the stream."""
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def between(self, begun: torch.cuda.Event, ended: torch.cuda.Event, *, wait: bool) -> float | None:
        """By the device's own clock."""
        if wait:
            ended.synchronize()
        elif not ended.query():
            return None
        return float(begun.elapsed_time(ended)) / 1000


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of work that was begun and ended."""

    users: Sequence[DeviceUse]
    tick: bool
    begun: Any
    ended: Any


class Meter:
    """Measures pieces of work and shares each among those it is done for.

    Belongs to the device thread; ``seconds`` and ``tick_ms`` may be read from any.
    """

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch
        self._open: deque[_Piece] = deque()
        self._recent: deque[float] = deque(maxlen=RECENT_TICKS)
        self.seconds = 0.0
        """All work so far."""
        self.tick_ms = 0.0
        """Mean milliseconds of the last ticks; 0 before the first."""

    @contextmanager
    def measured(self, users: Sequence[DeviceUse], *, tick: bool = False) -> Iterator[None]:
        """Charge what is done inside to ``users`` in equal parts; a user with several rows stands in it once
        for each.
        """
        begun = self._stopwatch.mark()
        try:
            yield
        finally:
            self._open.append(_Piece(users, tick, begun, self._stopwatch.mark()))
            self.settle()

    def settle(self, *, wait: bool = False) -> None:
        """Charge the pieces that the device is through with; all of them when it is to wait."""
        while self._open:
            piece = self._open[0]
            seconds = self._stopwatch.between(piece.begun, piece.ended, wait=wait)
            if seconds is None:
                return
            self._open.popleft()
            self._charge(piece, max(0.0, seconds))

    def _charge(self, piece: _Piece, seconds: float) -> None:
        self.seconds += seconds
        for user in piece.users:
            user.seconds += seconds / len(piece.users)
        if piece.tick:
            self._recent.append(seconds)
            self.tick_ms = 1000 * sum(self._recent) / len(self._recent)


def meter_for(device: torch.device) -> Meter:
    """The meter of a device."""
    return Meter(StreamStopwatch() if device.type == "cuda" else ThreadStopwatch())
