"""The channel layer against a real Redis that is killed and started again."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from sdweb.channel_layer import PortalChannelLayer
from sdweb.launcher.machine import free_port
from sdweb.launcher.redis_server import EmbeddedRedis, redis_answers, redis_prepare
from tests.integration.portal import eventually

pytestmark = [pytest.mark.integration, pytest.mark.sqlite]


@contextmanager
def running(redis: EmbeddedRedis) -> Iterator[None]:
    """The server, until it is killed."""
    process = subprocess.Popen(redis.argv)
    try:
        eventually(lambda: redis_answers(redis.port, redis.password), what="Redis")
        yield
    finally:
        process.kill()
        process.wait()


async def test_the_first_to_connect_after_a_restart_is_not_turned_away(tmp_path: Path) -> None:
    redis = redis_prepare(tmp_path, free_port())
    layer = PortalChannelLayer(hosts=[{"address": redis.url}], prefix="test")
    with running(redis):
        await layer.group_add("people", await layer.new_channel())
    with running(redis):
        channel = await layer.new_channel()
        await layer.group_add("people", channel)
        hearing = asyncio.ensure_future(layer.receive(channel))
        for _ in range(20):  # the group is heard again as soon as the library has noticed the new server
            await layer.group_send("people", {"type": "news", "text": "back"})
            await asyncio.wait([hearing], timeout=0.5)
            if hearing.done():
                break
        assert hearing.done()
        assert hearing.result()["text"] == "back"
    await layer.flush()


async def test_without_redis_the_failure_is_told(tmp_path: Path) -> None:
    redis = redis_prepare(tmp_path, free_port())
    layer = PortalChannelLayer(hosts=[{"address": redis.url}], prefix="test")
    with pytest.raises(RedisConnectionError):
        await layer.group_send("people", {"type": "news"})
