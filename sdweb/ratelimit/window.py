"""The sliding window: counts per sixtieth of it, in Redis for all web processes or in this process alone.

A request is let in when the sixtieths that reach into the last ``seconds`` hold fewer than ``limit``. The
oldest one counts whole, so there are never more than ``limit`` in any window, and a wait is at most one
sixtieth longer than it had to be. A refused request costs nothing: who keeps asking is let in all the same
when the time has come. What is kept of a client is at most 61 small numbers, whatever the limit.
"""

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final, Protocol

import redis

from sdweb.ratelimit.rates import Rate

PARTS: Final = 60
REDIS_SECONDS: Final = 0.5
"""A limiter that makes everybody wait would be the outage that it is to prevent."""
CLIENTS_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one request."""

    allowed: bool
    remaining: int
    """How many more would be let in now."""
    wait: float
    """Seconds: refused, until the same request would be let in; else until the budget begins to grow."""


class Window(Protocol):
    """Where the counts are kept."""

    def take(self, key: str, rate: Rate) -> Verdict:
        """Count one request of the client ``key`` if it fits."""
        ...


class LocalWindow:
    """This process's own counts; of clients that have been quiet for longest it forgets."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, dict[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, rate: Rate, *, now: float | None = None) -> Verdict:
        """See ``Window``. ``now``: seconds of any clock that only goes forward."""
        moment = time.monotonic() if now is None else now
        current = math.floor(moment * PARTS / rate.seconds)
        with self._lock:
            counts = self._clients.pop(f"{key}:{rate}", {})
            counts = {part: count for part, count in counts.items() if part >= current - PARTS}
            used = sum(counts.values())
            allowed = used < rate.limit
            if allowed:
                counts[current] = counts.get(current, 0) + 1
                used += 1
            self._clients[f"{key}:{rate}"] = counts
            while len(self._clients) > CLIENTS_KEPT:
                self._clients.popitem(last=False)
        frees = min(counts, default=current) + PARTS + 1
        wait = max(0.0, frees * rate.seconds / PARTS - moment)
        return Verdict(allowed, max(0, rate.limit - used), wait)


# By the server's clock, so that web processes on several hosts need not agree about the time.
_TAKE: Final = """
local moment = redis.call('TIME')
local now = tonumber(moment[1]) + tonumber(moment[2]) / 1000000
local limit, seconds, parts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local current = math.floor(now * parts / seconds)
local counts, used, oldest, gone = redis.call('HGETALL', KEYS[1]), 0, current, {}
for i = 1, #counts, 2 do
  local part = tonumber(counts[i])
  if part < current - parts then
    gone[#gone + 1] = counts[i]
  else
    used = used + tonumber(counts[i + 1])
    oldest = math.min(oldest, part)
  end
end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
local allowed = used < limit
if allowed then
  redis.call('HINCRBY', KEYS[1], string.format('%.0f', current), 1)
  redis.call('EXPIRE', KEYS[1], seconds + math.ceil(seconds / parts))
  used = used + 1
end
local wait = (oldest + parts + 1) * seconds / parts - now
return {allowed and 1 or 0, math.max(0, limit - used), math.ceil(math.max(0, wait) * 1000)}
"""


class RedisWindow:
    """Counts that all web processes share: one script, so one round trip and nobody in between."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS
        )
        self._script: Any = self._client.register_script(_TAKE)

    def take(self, key: str, rate: Rate) -> Verdict:
        """See ``Window``. Raises ``redis.RedisError`` when Redis is away."""
        allowed, remaining, wait = self._script(
            keys=[f"sdweb:rate:{key}:{rate}"], args=[rate.limit, rate.seconds, PARTS]
        )
        return Verdict(bool(allowed), int(remaining), int(wait) / 1000)
