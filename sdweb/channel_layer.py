"""The channel layer: Redis publish and subscribe that bears a Redis which was restarted."""

import asyncio
from typing import Any, Final

from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

TRIES: Final = 3
PAUSE_SECONDS: Final = 0.2


class PortalChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc] # a class without types
    """The library notices a dead connection only by using it, and lets the one who did so fail.

    So the first browser to connect after a restart would be turned away. Here a call that met a dead
    connection is made again on a new one; with Redis still away the last failure is raised after ``TRIES``.
    """

    async def new_channel(self, prefix: str = "specific.") -> str:
        """A name for a channel of this process; see the ASGI channel layer specification, likewise below."""
        name: str = await self._again("new_channel", prefix)
        return name

    async def group_add(self, group: str, channel: str) -> None:
        """Let ``channel`` hear what is sent to ``group``."""
        await self._again("group_add", group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send to everybody in ``group``."""
        await self._again("group_send", group, message)

    async def _again(self, name: str, *arguments: object) -> Any:
        for _ in range(TRIES - 1):
            try:
                return await getattr(self._get_layer(), name)(*arguments)
            except (RedisConnectionError, RedisTimeoutError, OSError):
                await asyncio.sleep(PAUSE_SECONDS)
        return await getattr(self._get_layer(), name)(*arguments)
