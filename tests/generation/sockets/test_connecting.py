"""Who may open a socket, and what it bears, against the words of docs/protocol.md."""

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from generation import actions
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.asgi import application
from tests.generation.sockets.client import Connect, hear_type, jobs, session_cookie

pytestmark = pytest.mark.django_db(transaction=True)


class TestConnecting:
    async def test_a_stranger_is_told_and_closed(self, connect: Connect) -> None:
        socket = await connect(None)
        assert (await socket.hear())["code"] == "not_signed_in"
        assert await socket.raw.receive_output(timeout=2) == {"type": "websocket.close", "code": 4401}

    async def test_somebody_gets_a_snapshot_of_what_is_unfinished(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        first = await connect(ann)
        await first.ask(action="generate", params={"prompt": "a"})
        await hear_type(first, "job")
        snapshot = await (await connect(ann)).hear()
        assert snapshot["type"] == "snapshot"
        (job,) = snapshot["data"]["jobs"]
        assert (job["state"], job["position"], job["params"]["prompt"]) == ("queued", 1, "a")

    async def test_another_sites_page_is_refused(self, ann: User) -> None:
        cookie = await sync_to_async(session_cookie)(ann)
        headers = [
            (b"host", b"testserver"),
            (b"origin", b"https://evil.example"),
            (b"cookie", cookie.encode()),
        ]
        communicator = WebsocketCommunicator(application, "/ws/", headers=headers)
        connected, _ = await communicator.connect(timeout=5)
        assert not connected

    @pytest.mark.parametrize("origin", ["http://testserver", "https://pages.example"])
    async def test_ones_own_page_and_allowed_ones_are_welcome(
        self, connect: Connect, ann: User, settings: Any, origin: str
    ) -> None:
        settings.CSRF_TRUSTED_ORIGINS = ["https://pages.example"]
        assert (await (await connect(ann, origin=origin)).hear())["type"] == "snapshot"

    async def test_other_addresses_are_closed(self) -> None:
        communicator = WebsocketCommunicator(application, "/nowhere/")
        connected, _ = await communicator.connect(timeout=5)
        assert not connected


class TestBadInput:
    """Show 6 of the portal's first slice: one clear error each, the connection alive, nothing stored."""

    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            ("{not json", "invalid_json"),
            ("[]", "invalid_json"),
            ("null", "invalid_json"),
            ("[" * 100_000, "invalid_json"),
            ("{}", "invalid_input"),
            ('{"action": 5}', "invalid_input"),
            ('{"action": "dance"}', "unknown_action"),
            ('{"action": "download_model"}', "unsupported_action"),
            ('{"action": "upscale_image"}', "invalid_input"),
            ('{"action": "upscale_image", "image": "%%%"}', "bad_picture"),
            ('{"action": "upscale_image", "image": "aGVsbG8=", "scale": 9}', "invalid_input"),
            ('{"action": "adetailer", "prompt": "a"}', "invalid_input"),
            ('{"action": "face_restoration", "image": 5}', "invalid_input"),
            ('{"action": "preprocess", "image": "aGVsbG8=", "type": "magic"}', "unknown_preprocessor"),
            ('{"action": "preprocess", "image": "aGVsbG8="}', "invalid_input"),
            ('{"action": "generate"}', "invalid_input"),
            ('{"action": "generate", "params": "a cat"}', "invalid_input"),
            ('{"action": "generate", "params": {}}', "invalid_input"),
            ('{"action": "generate", "params": {"prompt": "' + "x" * 10_001 + '"}}', "invalid_input"),
            ('{"action": "generate", "params": {"prompt": "a", "width": 513}}', "invalid_input"),
            ('{"action": "generate", "params": {"prompt": "a", "width": "wide"}}', "invalid_input"),
            ('{"action": "generate", "params": {"prompt": "a", "cfg_scale": NaN}}', "invalid_input"),
            ('{"action": "generate", "params": {"prompt": "a", "seed": Infinity}}', "invalid_input"),
            ('{"action": "generate", "params": {"prompt": "a", "sampler": "x"}}', "unknown_sampler"),
            ('{"action": "generate", "params": {"prompt": "a", "model": "x"}}', "unknown_model"),
            ('{"action": "generate", "params": {"prompt": "a"}, "idempotency_key": 5}', "invalid_input"),
            ('{"action": "generate", "params": {"prompt": "a"}, "request_id": NaN}', "invalid_input"),
            ('{"action": "cancel_generation"}', "nothing_to_cancel"),
            ('{"action": "cancel_generation", "job_id": "x"}', "invalid_input"),
            (
                '{"action": "cancel_generation", "job_id": "0193a5c8-0000-7000-8000-000000000000"}',
                "not_found",
            ),
            ('{"action": "get_gallery", "page": -1}', "invalid_input"),
            ('{"action": "enhance_prompt"}', "invalid_input"),
            ('{"action": "enhance_prompt", "prompt": " "}', "empty_prompt"),
            ('{"action": "enhance_prompt", "prompt": "a", "seed": -1}', "invalid_input"),
            ('{"action": "get_gallery", "limit": 1e999}', "invalid_input"),
            ('{"action": "get_models", "x": "' + "y" * (30 * 2**20) + '"}', "frame_too_large"),
        ],
        ids=lambda value: value[:60] if isinstance(value, str) else None,
    )
    async def test_one_error_and_the_connection_lives(
        self, connect: Connect, ann: User, model: ModelFile, frame: str, code: str
    ) -> None:
        socket = await connect(ann)
        assert (await socket.hear())["type"] == "snapshot"
        await socket.raw.send_to(text_data=frame)
        error = await socket.hear()
        assert (error["type"], error["code"]) == ("error", code)
        assert error["message"]
        assert await socket.silent()
        await socket.ask(action="get_models")
        assert (await socket.hear())["type"] == "models"
        assert await jobs() == 0

    async def test_binary_frames_are_refused(self, connect: Connect, ann: User) -> None:
        socket = await connect(ann)
        await socket.hear()
        await socket.raw.send_to(bytes_data=b"\x00\x01")
        assert (await socket.hear())["code"] == "invalid_frame"

    async def test_a_failure_of_ours_is_one_error_too(
        self, connect: Connect, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        socket = await connect(ann)
        await socket.hear()
        monkeypatch.setattr(actions, "perform", lambda *_: 1 / 0)
        await socket.ask(action="get_models", request_id="r")
        error = await socket.hear()
        assert (error["code"], error["request_id"]) == ("internal_error", "r")
        assert "division" not in json.dumps(error)
