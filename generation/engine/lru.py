"""A cache bounded by bytes, least recently used first out."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByteLru(Generic[K, V]):
    """Values with a known size. Nothing is dropped by itself: the owner calls ``shrink`` and may pin keys."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        """Keys, the most recently used last."""
        return iter(tuple(self._entries))

    @property
    def nbytes(self) -> int:
        return sum(size for _, size in self._entries.values())

    def get(self, key: K) -> V | None:
        """The value, which becomes the most recently used one, or None."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key][0]

    def put(self, key: K, value: V, nbytes: int) -> None:
        self._entries[key] = (value, nbytes)
        self._entries.move_to_end(key)

    def shrink(self, limit: int | None = None, *, keep: frozenset[K] = frozenset()) -> list[K]:
        """Drop the least recently used, but none in ``keep``, down to ``limit`` bytes; return the keys."""
        limit = self.limit if limit is None else limit
        total = self.nbytes
        dropped: list[K] = []
        for key in self:
            if total <= limit:
                break
            if key not in keep:
                total -= self._entries.pop(key)[1]
                dropped.append(key)
        return dropped
