"""The limits of this installation, and what happens while Redis is away."""

import logging
import threading
import time
from enum import StrEnum
from functools import lru_cache
from typing import Final

import redis
from django.conf import settings

from sdweb.ratelimit.rates import Rate
from sdweb.ratelimit.window import LocalWindow, RedisWindow, Verdict, Window

logger = logging.getLogger(__name__)

AWAY_SECONDS: Final = 5.0
"""How long Redis is left alone after it failed: otherwise every request would wait for it."""


class Budget(StrEnum):
    """What requests are counted against."""

    REQUESTS = "requests"
    """Everything that asks the portal for something, by HTTP or by the WebSocket."""
    PICTURES = "pictures"
    """Files of the gallery: one page of it shows a hundred."""


def rate_of(budget: Budget) -> Rate:
    """The limit in the settings."""
    rate: Rate = settings.RATE_LIMIT if budget is Budget.REQUESTS else settings.PICTURE_RATE_LIMIT
    return rate


class Limiter:
    """Counts in Redis; with Redis away in this process, which never refuses because of that."""

    def __init__(self, shared: Window | None) -> None:
        self._shared = shared
        self._local = LocalWindow()
        self._lock = threading.Lock()
        self._away_until = float("-inf")
        self._is_away = False

    def take(self, client: str, budget: Budget = Budget.REQUESTS) -> Verdict | None:
        """Count one request of ``client``. None: there is no limit."""
        rate = rate_of(budget)
        if rate.is_off:
            return None
        key = f"{budget}:{client}"
        if self._shared is None or time.monotonic() < self._away_until:
            return self._local.take(key, rate)
        try:
            verdict = self._shared.take(key, rate)
        except (redis.RedisError, OSError) as error:
            self._went_away(error)
            return self._local.take(key, rate)
        self._came_back()
        return verdict

    def _went_away(self, error: Exception) -> None:
        with self._lock:
            self._away_until = time.monotonic() + AWAY_SECONDS
            if not self._is_away:
                logger.warning("Requests are counted by each web process alone: Redis is away (%s).", error)
            self._is_away = True

    def _came_back(self) -> None:
        if not self._is_away:
            return
        with self._lock:
            if self._is_away:
                logger.info("Requests are counted in Redis again.")
            self._is_away = False


@lru_cache(maxsize=1)
def limiter() -> Limiter:
    """This process's."""
    url: str = settings.RATE_LIMIT_REDIS_URL
    return Limiter(RedisWindow(url) if url else None)
