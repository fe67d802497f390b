"""Requests run in threads that stay."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from sdweb.handler import PooledHandler

_seen: list[str] = []
_meeting = threading.Barrier(3)


def _where(_request: HttpRequest) -> HttpResponse:
    _seen.append(threading.current_thread().name)
    return HttpResponse("here")


def _together(_request: HttpRequest) -> HttpResponse:
    _meeting.wait(20)
    return _where(_request)


def _broken(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken")


urlpatterns = [path("where", _where), path("together", _together), path("broken", _broken)]


@pytest.fixture
def handler() -> Callable[..., PooledHandler]:
    """A handler without the portal's middleware."""
    _seen.clear()

    def build(threads: int) -> PooledHandler:
        with override_settings(MIDDLEWARE=[]):
            return PooledHandler(threads)

    return build


async def _status(handler: PooledHandler, address: str) -> int:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": address,
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }
    caller: Any = ApplicationCommunicator(handler, scope)  # type: ignore[no-untyped-call] # asgiref's is
    await caller.send_input({"type": "http.request"})
    start = await caller.receive_output(20)
    await caller.receive_output(20)
    await caller.wait(20)
    return int(start["status"])


@pytest.mark.urls(__name__)
async def test_one_after_the_other_use_one_thread(handler: Callable[..., PooledHandler]) -> None:
    one = handler(4)
    assert [await _status(one, "/where") for _ in range(5)] == [200] * 5
    assert len(set(_seen)) == 1


@pytest.mark.urls(__name__)
async def test_at_once_use_several(handler: Callable[..., PooledHandler]) -> None:
    """Each waits for the two others, so they can only end if all three are served."""
    one = handler(3)
    assert await asyncio.gather(*(_status(one, "/together") for _ in range(3))) == [200] * 3
    assert len(set(_seen)) == 3


@pytest.mark.urls(__name__)
async def test_more_than_there_are_threads_wait(handler: Callable[..., PooledHandler]) -> None:
    one = handler(2)
    assert await asyncio.gather(*(_status(one, "/where") for _ in range(20))) == [200] * 20
    assert len(set(_seen)) <= 2


@pytest.mark.urls(__name__)
@override_settings(DEBUG_PROPAGATE_EXCEPTIONS=False)
async def test_a_fault_gives_its_thread_back(handler: Callable[..., PooledHandler]) -> None:
    one = handler(1)
    assert [await _status(one, "/broken") for _ in range(3)] == [500] * 3
    assert await _status(one, "/where") == 200


async def test_it_serves_nothing_but_http(handler: Callable[..., PooledHandler]) -> None:
    with pytest.raises(ValueError, match="websocket"):
        await handler(1)({"type": "websocket"}, None, None)
