"""A queue in which the newest of a kind replaces the one that still waits."""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class NewestWins(Generic[T]):
    """First in, first out; a value put under the key of a waiting one takes its place. Not locked."""

    def __init__(self) -> None:
        self._slots: OrderedDict[str, T] = OrderedDict()
        self._serial = 0

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, value: T, *, key: str = "") -> None:
        """Without a ``key`` the value replaces nothing."""
        self._serial += 1
        # It keeps the old value's turn: moved to the end each time, a busy kind would never get to the front.
        self._slots[key or f"#{self._serial}"] = value

    def take(self) -> T | None:
        """The next value, or None when nothing waits."""
        return self._slots.popitem(last=False)[1] if self._slots else None

    def forget(self, key: str) -> None:
        """Drop what waits under ``key``."""
        self._slots.pop(key, None)
