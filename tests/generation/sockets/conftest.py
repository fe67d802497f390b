"""Somebody, a model, and sockets through the real routing."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.asgi import application
from tests.factories import ModelFileFactory, UserFactory
from tests.generation.sockets.client import Connect, Socket, session_cookie


@pytest_asyncio.fixture
async def connect(settings: Any) -> AsyncIterator[Connect]:
    """Open a socket as somebody, or as nobody."""
    async with AsyncExitStack() as stack:

        async def build(user: User | None, query: str = "", **headers: str) -> Socket:
            cookies = await sync_to_async(session_cookie)(user) if user else ""
            given = {"host": "testserver", "cookie": cookies, **headers}
            communicator = WebsocketCommunicator(
                application, f"/ws/{query}", headers=[(k.encode(), v.encode()) for k, v in given.items()]
            )
            connected, _ = await communicator.connect(timeout=5)
            assert connected
            stack.push_async_callback(communicator.disconnect)
            return Socket(communicator)

        yield build


@pytest_asyncio.fixture
async def ann() -> User:
    """Somebody who generates."""
    return await sync_to_async(UserFactory.create)(username="ann")


@pytest_asyncio.fixture
async def model() -> ModelFile:
    """The default checkpoint."""
    return await sync_to_async(ModelFileFactory.create)(name="demo", is_default=True)
