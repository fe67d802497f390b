"""The WebSocket with API tokens: who gets in, by which door, what they may ask, and when it ends."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from generation import actions, consumers
from models_hub.models import ModelFile
from sdweb.accounts import tokens
from sdweb.accounts.models import ApiToken, User
from sdweb.accounts.origin import Origin, current_origin
from sdweb.asgi import application
from tests.generation.sockets.client import Socket, session_cookie

pytestmark = pytest.mark.django_db(transaction=True)

Scope = ApiToken.Scope
Open = Callable[..., Awaitable[Socket]]


@pytest_asyncio.fixture
async def open_socket() -> AsyncIterator[Open]:
    """Open a socket with headers and subprotocols."""
    async with AsyncExitStack() as stack:

        async def build(subprotocols: list[str] | None = None, **headers: str) -> Socket:
            given = {"host": "testserver", **headers}
            communicator = WebsocketCommunicator(
                application,
                "/ws/",
                headers=[(name.encode(), value.encode()) for name, value in given.items()],
                subprotocols=subprotocols,
            )
            connected, chosen = await communicator.connect(timeout=5)
            assert connected
            stack.push_async_callback(communicator.disconnect)
            socket = Socket(communicator)
            socket.subprotocol = chosen  # type: ignore[attr-defined]
            return socket

        yield build


async def made(user: User, *scopes: Scope) -> str:
    new = await sync_to_async(tokens.token_create)(user=user, name="x", scopes=scopes or list(Scope))
    return new.secret


async def close_code(socket: Socket) -> int:
    """The next thing is the end."""
    output = await socket.raw.receive_output(timeout=5)
    assert output["type"] == "websocket.close"
    return int(output["code"])


class TestSigningIn:
    async def test_by_the_header(self, open_socket: Open, ann: User) -> None:
        socket = await open_socket(authorization=f"Bearer {await made(ann)}")
        assert (await socket.hear())["type"] == "snapshot"

    @pytest.mark.parametrize("with_name", [True, False])
    async def test_by_a_subprotocol(self, open_socket: Open, ann: User, with_name: bool) -> None:
        offered = f"sdweb.bearer.{await made(ann)}"
        socket = await open_socket(["sdweb", offered] if with_name else [offered])
        assert (await socket.hear())["type"] == "snapshot"
        # A browser gives up where none of its subprotocols is answered.
        assert socket.subprotocol == ("sdweb" if with_name else offered)  # type: ignore[attr-defined]

    async def test_from_another_sites_page_only_where_that_is_allowed(
        self, open_socket: Open, ann: User, settings: Any
    ) -> None:
        offered = ["sdweb", f"sdweb.bearer.{await made(ann)}"]
        settings.CSRF_TRUSTED_ORIGINS = ["https://pages.example"]
        assert (await (await open_socket(offered, origin="https://pages.example")).hear())[
            "type"
        ] == "snapshot"
        refused = WebsocketCommunicator(
            application,
            "/ws/",
            headers=[(b"host", b"testserver"), (b"origin", b"https://evil.example")],
            subprotocols=offered,
        )
        connected, _ = await refused.connect(timeout=5)
        assert not connected

    async def test_not_by_an_unknown_token(self, open_socket: Open, ann: User) -> None:
        socket = await open_socket(authorization="Bearer sdw_abc_def")
        assert (await socket.hear())["code"] == "invalid_token"
        assert await close_code(socket) == consumers.CLOSE_NOT_SIGNED_IN

    async def test_an_unknown_token_is_not_made_good_by_a_cookie(self, open_socket: Open, ann: User) -> None:
        cookie = await sync_to_async(session_cookie)(ann)
        socket = await open_socket(authorization="Bearer sdw_abc_def", cookie=cookie)
        assert (await socket.hear())["code"] == "invalid_token"

    async def test_not_by_one_that_may_not_read(self, open_socket: Open, ann: User) -> None:
        socket = await open_socket(authorization=f"Bearer {await made(ann, Scope.GENERATE)}")
        assert (await socket.hear())["code"] == "scope_missing"
        assert await close_code(socket) == consumers.CLOSE_NOT_SIGNED_IN

    async def test_not_by_the_address(self, ann: User) -> None:
        communicator = WebsocketCommunicator(
            application, f"/ws/?token={await made(ann)}", headers=[(b"host", b"testserver")]
        )
        await communicator.connect(timeout=5)
        answer = await communicator.receive_json_from(timeout=5)
        assert answer["code"] == "not_signed_in"


class TestActing:
    @pytest.mark.parametrize("action", sorted(actions.ACTIONS))
    async def test_every_action_asks_for_its_scope(
        self, open_socket: Open, ann: User, model: ModelFile, action: str
    ) -> None:
        socket = await open_socket(authorization=f"Bearer {await made(ann, Scope.READ)}")
        await socket.hear()
        await socket.ask(action=action)
        answer = await socket.hear()
        if actions.ACTION_SCOPES[action] == Scope.READ:
            assert answer["type"] in {"models", "gallery", "queue", "queue_jobs", "limits"}
        else:
            assert (answer["code"], answer["action"]) == ("scope_missing", action)
            assert answer["fields"] == {"scope": actions.ACTION_SCOPES[action]}

    async def test_a_token_with_the_scope_generates(
        self, open_socket: Open, ann: User, model: ModelFile
    ) -> None:
        socket = await open_socket(authorization=f"Bearer {await made(ann, Scope.READ, Scope.GENERATE)}")
        await socket.hear()
        await socket.ask(action="generate", params={"prompt": "a"})
        assert (await socket.hear())["type"] == "job"

    async def test_what_is_done_knows_where_it_comes_from(
        self, open_socket: Open, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[Origin] = []

        def look(*_: Any) -> list[Any]:
            seen.append(current_origin.get())
            return []

        monkeypatch.setitem(actions.ACTIONS, "get_models", look)
        secret = await made(ann)
        with_token = await open_socket(authorization=f"Bearer {secret}")
        with_session = await open_socket(cookie=await sync_to_async(session_cookie)(ann))
        for socket in (with_token, with_session):
            await socket.hear()
            await socket.raw.send_to(text_data=json.dumps({"action": "get_models"}))
            assert await socket.silent()
        assert [(one.via, one.token_prefix) for one in seen] == [
            ("token", secret.split("_")[1]),
            ("session", ""),
        ]
        assert current_origin.get().via == "system"


class TestEnding:
    @pytest.mark.parametrize("how", ["revoked", "expired", "deactivated"])
    async def test_ends_the_socket(
        self, open_socket: Open, ann: User, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        monkeypatch.setattr(consumers, "FOLLOW_SECONDS", 0.05)
        socket = await open_socket(authorization=f"Bearer {await made(ann)}")
        await socket.hear()
        token = await ApiToken.objects.aget()
        if how == "revoked":
            await token.adelete()
        elif how == "expired":
            token.expires_at = token.created_at
            await token.asave()
        else:
            await User.objects.filter(pk=ann.pk).aupdate(is_active=False)
        assert await close_code(socket) == consumers.CLOSE_NOT_SIGNED_IN
