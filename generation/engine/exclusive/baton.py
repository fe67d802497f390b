"""A blocking function cut into slices: it runs on a thread of its own, and a baton says whose turn it is.

Either the caller runs or the function does, never both: whoever has not the baton waits for it.
"""

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum, auto
from queue import SimpleQueue
from typing import Final, TypeVar

import torch

S = TypeVar("S")
T = TypeVar("T")

THREAD_NAME: Final = "engine-exclusive"


class _Turn(Enum):
    GO_ON = auto()
    ABANDON = auto()


class _Abandoned(BaseException):
    """Raised inside the function when nobody wants its result any more. Not an ``Exception``: no handler on
    the way may take it for an error.
    """


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The function's end: its value, or what it raised."""

    value: object = None
    error: BaseException | None = None


def sliced(work: Callable[[Callable[[S], None]], T]) -> Generator[S, None, T]:
    """What ``work`` returns; yields what it passes to its argument, each time with the baton.

    ``work`` is called in inference mode. Its exceptions come out of the generator. Closing the generator ends
    ``work`` at the place where it waits, and returns when its thread has ended.
    """
    to_caller: SimpleQueue[S | _Outcome] = SimpleQueue()
    to_work: SimpleQueue[_Turn] = SimpleQueue()

    def hand_over(value: S) -> None:
        to_caller.put(value)
        if to_work.get() is _Turn.ABANDON:
            raise _Abandoned

    def run() -> None:
        try:
            with torch.inference_mode():
                outcome = _Outcome(value=work(hand_over))
        except BaseException as error:  # handed to the caller, whose business it is
            outcome = _Outcome(error=error)
        to_caller.put(outcome)

    thread = threading.Thread(target=run, name=THREAD_NAME, daemon=True)
    thread.start()
    try:
        while not isinstance(message := to_caller.get(), _Outcome):
            yield message
            to_work.put(_Turn.GO_ON)
        if message.error is not None:
            raise message.error
        return message.value  # type: ignore[return-value]  # the queue cannot tell T
    finally:
        to_work.put(_Turn.ABANDON)
        thread.join()
