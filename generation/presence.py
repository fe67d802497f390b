"""Who is there: GPU workers that are up, and people who are watching. Kept in the cache, so losing it costs
nothing.
"""

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from django.core.cache import cache

logger = logging.getLogger(__name__)

WORKER_SECONDS: Final = 15
"""A worker that has not been heard of for so long is taken for gone."""
WATCHER_SECONDS: Final = 45
"""Likewise somebody's browser."""

_WORKERS: Final = "presence:workers"

T = TypeVar("T")


def worker_seen(name: str) -> None:
    """A GPU worker says that it is up."""
    _quietly(lambda: cache.set(f"presence:worker:{name}", 1, WORKER_SECONDS), None)
    _quietly(lambda: cache.set(_WORKERS, sorted({*_names(), name})[-100:], None), None)


def workers_alive() -> int:
    """How many GPU workers were heard of lately."""
    return len(cache.get_many([f"presence:worker:{name}" for name in _names()]))


def watcher_seen(user_id: int) -> None:
    """A person's browser is connected."""
    _quietly(lambda: cache.set(f"presence:watcher:{user_id}", 1, WATCHER_SECONDS), None)


def is_watching(user_id: int) -> bool:
    """Whether previews would be seen by somebody; yes when nobody knows."""
    return _quietly(lambda: cache.get(f"presence:watcher:{user_id}") is not None, otherwise=True)


def _names() -> list[str]:
    names: list[str] = cache.get(_WORKERS, [])
    return names


def _quietly(action: Callable[[], T], otherwise: T) -> T:
    try:
        return action()
    except Exception as error:  # Redis is away, which must not stop a job
        logger.debug("Presence is not known: %s", error)
        return otherwise
