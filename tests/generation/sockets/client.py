"""What a client of the socket does: it asks, and hears."""

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import Client

from generation import services
from generation.models import Job
from sdweb.accounts.models import User

Connect = Callable[..., Awaitable["Socket"]]


class Socket:
    """A client that speaks JSON."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.raw = communicator

    async def ask(self, **message: Any) -> None:
        """Send one message."""
        await self.raw.send_to(text_data=json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        answer: dict[str, Any] = await self.raw.receive_json_from(timeout=5)
        return answer

    async def silent(self) -> bool:
        """Whether nothing more is said."""
        return await self.raw.receive_nothing(timeout=0.2)


def session_cookie(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


async def jobs() -> int:
    return await Job.objects.acount()


async def running_job(
    connect: Connect, user: User, query: str = ""
) -> tuple[Socket, uuid.UUID, services.Claim]:
    socket = await connect(user, query)
    await socket.hear()
    await socket.ask(action="generate", params={"prompt": "a", "batch_size": 1})
    job_id = uuid.UUID((await hear_type(socket, "job"))["data"]["id"])
    claim = await sync_to_async(services.job_claim)(worker="w1")
    assert claim is not None
    await hear_type(socket, "job", state="running")
    return socket, job_id, claim


async def hear_type(socket: Socket, kind: str, state: str | None = None) -> dict[str, Any]:
    """The next message of a type, past others."""
    while True:
        message = await socket.hear()
        if message["type"] == kind and (state is None or message["data"]["state"] == state):
            return message


async def hear_bytes(socket: Socket) -> bytes:
    while True:
        answer = await socket.raw.receive_from(timeout=5)
        if isinstance(answer, bytes):
            return answer
