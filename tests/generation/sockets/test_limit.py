"""The limit on the WebSocket: the same budget as HTTP, an error that says how long to wait."""

from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from pytest_django import Settings

from generation import consumers
from sdweb.accounts.models import User
from sdweb.ratelimit.limiter import limiter
from sdweb.ratelimit.rates import Rate
from tests.factories import UserFactory
from tests.generation.sockets.client import Connect, hear_type

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _four_a_minute(settings: Settings) -> Iterator[None]:
    settings.RATE_LIMIT = Rate(4, 60)
    limiter.cache_clear()
    yield
    limiter.cache_clear()


async def test_one_message_too_many_is_an_error_and_the_connection_stays(connect: Connect, ann: User) -> None:
    socket = await connect(ann)  # which is the first of the four
    for _ in range(3):
        await socket.ask(action="get_models")
        await hear_type(socket, "models")
    await socket.ask(action="get_models", request_id=7)
    error = await hear_type(socket, "error")
    assert (error["code"], error["action"], error["request_id"]) == ("too_many_requests", "get_models", 7)
    assert 1 <= error["retry_after"] <= 61
    await socket.ask(action="get_gallery")
    assert (await hear_type(socket, "error"))["code"] == "too_many_requests"


async def test_http_and_the_socket_share_one_budget(connect: Connect, ann: User) -> None:
    client = AsyncClient()
    await sync_to_async(client.force_login)(ann)
    socket = await connect(ann)
    await socket.ask(action="get_models")
    await hear_type(socket, "models")
    assert [(await client.get("/api/v1/me")).status_code for _ in range(3)] == [200, 200, 429]
    await socket.ask(action="get_models")
    assert (await hear_type(socket, "error"))["code"] == "too_many_requests"
    stranger = await connect(await sync_to_async(UserFactory.create)(username="zoe"))
    await stranger.ask(action="get_models")
    assert await hear_type(stranger, "models")


async def test_frames_that_are_no_message_count_too(connect: Connect, ann: User) -> None:
    socket = await connect(ann)
    for _ in range(3):
        await socket.raw.send_to(text_data="{")
        assert (await hear_type(socket, "error"))["code"] == "invalid_json"
    await socket.ask(action="get_models")
    assert (await hear_type(socket, "error"))["code"] == "too_many_requests"


@pytest.mark.parametrize("frame", ['{"action": "get_models"}', "{"])
async def test_who_does_not_listen_is_closed(
    connect: Connect, ann: User, monkeypatch: pytest.MonkeyPatch, frame: str
) -> None:
    monkeypatch.setattr(consumers, "MAX_REFUSED", 2)
    socket = await connect(ann)
    for _ in range(3 + 3):
        await socket.raw.send_to(text_data=frame)
    while (output := await socket.raw.receive_output(timeout=5))["type"] != "websocket.close":
        pass
    assert output["code"] == consumers.CLOSE_TOO_MANY


async def test_connecting_counts(connect: Connect, ann: User) -> None:
    for _ in range(4):
        await hear_type(await connect(ann), "snapshot")
    late = await connect(ann)
    assert (await hear_type(late, "error"))["code"] == "too_many_requests"
    assert await late.raw.receive_output(timeout=5) == {
        "type": "websocket.close",
        "code": consumers.CLOSE_TOO_MANY,
    }
