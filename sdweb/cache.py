"""The cache that counts attempts: in Redis, and in this process while Redis is away."""

import time
from typing import Any, Final

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

AWAY_SECONDS: Final = 5.0
"""How long Redis is left alone after it did not answer: waiting for it would slow every sign-in down."""

_away_until: dict[str, float] = {}
"""By server. Django makes a cache object for every thread; what is known about the server is everybody's."""


class RedisOrOwnCache(BaseCache):
    """A Redis cache that goes on in the process's own memory while Redis does not answer.

    Counts are then per process and begin at nothing: limits get looser by as many times as there are web
    processes, but they hold, and people can sign in.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self.server = server
        self.shared = RedisCache(server, params)
        own = {name: value for name, value in params.items() if name != "OPTIONS"}
        self.own = LocMemCache("while-redis-is-away", own)

    def _ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        if time.monotonic() >= _away_until.get(self.server, 0.0):
            try:
                return getattr(self.shared, method)(*arguments, **options)
            except (RedisConnectionError, RedisTimeoutError):
                _away_until[self.server] = time.monotonic() + AWAY_SECONDS
        return getattr(self.own, method)(*arguments, **options)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        """Part of Django's interface, as are the others."""
        return bool(self._ask("add", key, value, timeout=timeout, version=version))

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        """The value, or ``default``."""
        return self._ask("get", key, default, version=version)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        """Keep a value for ``timeout`` seconds."""
        self._ask("set", key, value, timeout=timeout, version=version)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        """Keep it for longer."""
        return bool(self._ask("touch", key, timeout=timeout, version=version))

    def delete(self, key: Any, version: Any = None) -> bool:
        """Forget a value."""
        return bool(self._ask("delete", key, version=version))

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        """Count. Raises ``ValueError`` where there is nothing yet."""
        return int(self._ask("incr", key, delta, version=version))

    def clear(self) -> None:
        """Forget everything, here and there."""
        self._ask("clear")
        self.own.clear()
