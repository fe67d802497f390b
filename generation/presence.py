"""Who is there: GPU workers that are up, by their rows, and people who are watching, by the cache, so losing
it costs nothing.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet
from django.utils import timezone

from generation.models import Worker

logger = logging.getLogger(__name__)

WORKER_SECONDS: Final = 15.0
"""A worker that has not been heard of for so long, or for three of its reports, is taken for gone."""
WATCHER_SECONDS: Final = 45
"""Likewise somebody's browser."""

_QUEUE_WATCHER: Final = "presence:queue-watcher"

T = TypeVar("T")


def gone_after() -> timedelta:
    """The silence after which a worker is taken for gone."""
    return timedelta(seconds=max(WORKER_SECONDS, 3 * settings.RECOVERY_SECONDS))


def workers_here() -> QuerySet[Worker]:
    """The GPU workers that were heard of lately, by name."""
    return Worker.objects.filter(seen_at__gt=timezone.now() - gone_after()).order_by("name")


def workers_alive() -> int:
    """How many they are."""
    return workers_here().count()


def watcher_seen(user_id: int) -> None:
    """A person's browser is connected."""
    _quietly(lambda: cache.set(f"presence:watcher:{user_id}", 1, WATCHER_SECONDS), None)


def is_watching(user_id: int) -> bool:
    """Whether previews would be seen by somebody; yes when nobody knows."""
    return _quietly(lambda: cache.get(f"presence:watcher:{user_id}") is not None, otherwise=True)


def queue_watcher_seen() -> None:
    """Somebody's browser shows everybody's jobs."""
    _quietly(lambda: cache.set(_QUEUE_WATCHER, 1, WATCHER_SECONDS), None)


def queue_is_watched() -> bool:
    """Whether news of everybody's jobs would be seen by somebody; yes when nobody knows."""
    return _quietly(lambda: cache.get(_QUEUE_WATCHER) is not None, otherwise=True)


def _quietly(action: Callable[[], T], otherwise: T) -> T:
    try:
        return action()
    except Exception as error:  # Redis is away, which must not stop a job
        logger.debug("Presence is not known: %s", error)
        return otherwise
