"""The WebSocket, through the real routing, against the words of docs/protocol.md."""

import asyncio
import base64
import json
import struct
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import Client

from generation import actions, announcements, consumers, events, services
from generation.models import Job, JobState
from generation.publisher import send_or_drop
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.asgi import application
from sdweb.errors import PortalError
from tests.factories import ModelFileFactory, UserFactory
from tests.generation.drawing import base64_of
from tests.generation.test_state_machine import pictures

pytestmark = pytest.mark.django_db(transaction=True)

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


def session_cookie(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


@pytest_asyncio.fixture
async def ann() -> User:
    """Somebody who generates."""
    return await sync_to_async(UserFactory.create)(username="ann")


@pytest_asyncio.fixture
async def model() -> ModelFile:
    """The default checkpoint."""
    return await sync_to_async(ModelFileFactory.create)(name="demo", is_default=True)


async def jobs() -> int:
    return await Job.objects.acount()


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


class TestGenerating:
    async def test_the_job_comes_at_once_with_the_request_id(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        socket = await connect(ann)
        await socket.hear()
        await socket.ask(action="generate", params={"prompt": "a cat", "seed": 7}, request_id="r1")
        job = await socket.hear()
        assert (job["type"], job["request_id"], job["data"]["state"]) == ("job", "r1", "queued")
        assert job["data"]["params"]["seed"] == 7
        assert await socket.silent()

    async def test_ones_other_sockets_hear_of_it_and_strangers_do_not(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        stranger = await sync_to_async(UserFactory.create)()
        first, second, other = await connect(ann), await connect(ann), await connect(stranger)
        for socket in (first, second, other):
            await socket.hear()
        await first.ask(action="generate", params={"prompt": "a"}, request_id="r1")
        heard = await second.hear()
        assert heard["type"] == "job"
        assert "request_id" not in heard
        assert await other.silent()

    async def test_the_same_key_answers_with_the_same_job(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        socket = await connect(ann)
        await socket.hear()
        ids = []
        for _ in range(2):
            await socket.ask(action="generate", params={"prompt": "a"}, idempotency_key="k")
            ids.append((await socket.hear())["data"]["id"])
        assert ids[0] == ids[1]

    async def test_progress_previews_and_completion_for_a_legacy_client(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        socket, job_id, claim = await running_job(connect, ann)
        message = events.progress_message(job_id, step=2, total=4, status="denoising", eta_seconds=1.5)
        await sync_to_async(events.send_to_user)(ann.pk, message, preview=b"JPEG")
        progress = await hear_type(socket, "progress")
        assert progress["data"]["preview"] == base64.b64encode(b"JPEG").decode()
        assert (progress["data"]["step"], progress["data"]["total"], progress["job_id"]) == (
            2,
            4,
            str(job_id),
        )
        await sync_to_async(services.job_finish)(claim, images=pictures(2), timings={})
        complete = await hear_type(socket, "complete")
        data = complete["data"]
        assert [base64.b64decode(image)[:4] for image in data["images"]] == [b"\x89PNG"] * 2
        assert data["paths"] == [f"/outputs/{item['id']}.png" for item in data["items"]]
        assert data["metadata"]["prompt"] == "a"
        assert data["gdrive_ids"] == []

    async def test_binary_previews_and_links_for_one_that_asks(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        socket, job_id, claim = await running_job(connect, ann, "?previews=binary&images=links")
        message = events.progress_message(job_id, step=2, total=4, status="denoising", eta_seconds=None)
        await sync_to_async(events.send_to_user)(ann.pk, message, preview=b"JPEG")
        frame = await hear_bytes(socket)
        assert uuid.UUID(bytes=frame[:16]) == job_id
        assert struct.unpack(">HH", frame[16:20]) == (2, 4)
        assert frame[20:] == b"JPEG"
        assert "preview" not in (await hear_type(socket, "progress"))["data"]
        await sync_to_async(services.job_finish)(claim, images=pictures(), timings={})
        data = (await hear_type(socket, "complete"))["data"]
        assert data["images"] == []
        assert data["items"][0]["url"]

    async def test_a_failed_job_says_why(self, connect: Connect, ann: User, model: ModelFile) -> None:
        socket, job_id, claim = await running_job(connect, ann)
        failure = PortalError("out_of_memory", "Too large.", hint="Make it smaller.")
        await sync_to_async(services.job_fail)(claim, error=failure, permanent=True)
        error = await hear_type(socket, "error")
        assert (error["code"], error["hint"], error["job_id"]) == (
            "out_of_memory",
            "Make it smaller.",
            str(job_id),
        )


class TestCancelling:
    async def test_without_an_id_it_ends_what_this_connection_asked_for(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        first, second = await connect(ann), await connect(ann)
        for socket in (first, second):
            await socket.hear()
            await socket.ask(action="generate", params={"prompt": "a"})
            await hear_type(socket, "job")
        await first.ask(action="cancel_generation", request_id=1)
        job = await hear_type(first, "job", state="cancelled")
        error = await hear_type(first, "error")
        assert (job["request_id"], error["code"], error["request_id"]) == (1, "cancelled", 1)
        states = [job.state async for job in Job.objects.order_by("id")]
        assert states == [JobState.CANCELLED, JobState.QUEUED]

    async def test_the_other_sockets_hear_of_it(self, connect: Connect, ann: User, model: ModelFile) -> None:
        first, second = await connect(ann), await connect(ann)
        await first.hear()
        await second.hear()
        await first.ask(action="generate", params={"prompt": "a"})
        job_id = (await hear_type(first, "job"))["data"]["id"]
        await first.ask(action="cancel_generation", job_id=job_id)
        await hear_type(second, "job", state="cancelled")
        assert (await hear_type(second, "error"))["job_id"] == job_id

    async def test_a_new_connection_ends_the_newest(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        first = await connect(ann)
        await first.hear()
        for _ in range(2):
            await first.ask(action="generate", params={"prompt": "a"})
            await hear_type(first, "job")
        second = await connect(ann)
        await second.hear()
        await second.ask(action="cancel_generation")
        await hear_type(second, "job", state="cancelled")
        states = [job.state async for job in Job.objects.order_by("id")]
        assert states == [JobState.QUEUED, JobState.CANCELLED]

    async def test_not_other_peoples(self, connect: Connect, ann: User, model: ModelFile) -> None:
        owner, stranger = await connect(ann), await connect(await sync_to_async(UserFactory.create)())
        await owner.hear()
        await stranger.hear()
        await owner.ask(action="generate", params={"prompt": "a"})
        job_id = (await hear_type(owner, "job"))["data"]["id"]
        await stranger.ask(action="cancel_generation", job_id=job_id)
        assert (await stranger.hear())["code"] == "not_found"
        assert (await Job.objects.aget()).state == JobState.QUEUED


class TestKeepingUp:
    async def test_what_was_lost_on_the_way_is_told_later(
        self, connect: Connect, ann: User, model: ModelFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from datetime import timedelta

        monkeypatch.setattr(consumers, "FOLLOW_SECONDS", 0.1)
        monkeypatch.setattr(consumers, "GRACE", timedelta(0))
        socket, _, claim = await running_job(connect, ann)
        monkeypatch.setattr(announcements, "job_done", lambda *_: None)
        await sync_to_async(services.job_finish)(claim, images=pictures(), timings={})
        assert (await hear_type(socket, "complete"))["data"]["images"]

    async def test_a_closed_account_is_shown_out(
        self, connect: Connect, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "FOLLOW_SECONDS", 0.1)
        socket = await connect(ann)
        await socket.hear()
        await User.objects.filter(pk=ann.pk).aupdate(is_active=False)
        assert await socket.raw.receive_output(timeout=3) == {"type": "websocket.close", "code": 4401}

    async def test_of_progress_that_waits_only_the_newest_is_sent(
        self, connect: Connect, ann: User, model: ModelFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        socket, job_id, _ = await running_job(connect, ann)
        gate = asyncio.Event()
        send_one = consumers.PortalConsumer._send_one

        async def slow(self: consumers.PortalConsumer, *outgoing: Any) -> None:
            await gate.wait()
            await send_one(self, *outgoing)

        arrived = asyncio.Event()
        user_event = consumers.PortalConsumer.user_event

        async def count(self: consumers.PortalConsumer, event: Any) -> None:
            await user_event(self, event)
            if event["message"]["data"]["step"] == 29:
                arrived.set()

        monkeypatch.setattr(consumers.PortalConsumer, "user_event", count)
        monkeypatch.setattr(consumers.PortalConsumer, "_send_one", slow)
        for step in range(1, 30):
            message = events.progress_message(
                job_id, step=step, total=30, status="denoising", eta_seconds=None
            )
            event = {"type": events.GROUP_HANDLER, "message": message, "preview": None, "origin": ""}
            await send_or_drop(events.user_group(ann.pk), event)
        await asyncio.wait_for(arrived.wait(), 10)
        gate.set()
        steps: list[int] = []
        while not steps or steps[-1] < 29:
            steps.append((await hear_type(socket, "progress"))["data"]["step"])
        assert len(steps) <= 3


class TestAsking:
    async def test_models_samplers_and_schedules(self, connect: Connect, ann: User, model: ModelFile) -> None:
        socket = await connect(ann)
        await socket.hear()
        await socket.ask(action="get_models", request_id="r")
        answer = await socket.hear()
        assert answer["request_id"] == "r"
        assert [entry["name"] for entry in answer["data"]["models"]] == ["demo"]
        assert "Euler" in [entry["name"] for entry in answer["data"]["samplers"]]
        assert "karras" in [entry["name"] for entry in answer["data"]["schedulers"]]

    async def test_a_prompt_is_enhanced(self, connect: Connect, ann: User) -> None:
        socket = await connect(ann)
        await socket.hear()
        await socket.ask(action="enhance_prompt", prompt="a cat", seed=7, request_id=3)
        answer = await socket.hear()
        assert (answer["type"], answer["request_id"]) == ("enhanced_prompt", 3)
        data = answer["data"]
        assert data["prompt"] == ", ".join(["a cat", *data["added"]])
        assert data["added"]

    async def test_the_gallery_page_by_page(self, connect: Connect, ann: User, model: ModelFile) -> None:
        socket, _, claim = await running_job(connect, ann)
        await sync_to_async(services.job_finish)(claim, images=pictures(3), timings={})
        await hear_type(socket, "complete")
        await socket.ask(action="get_gallery", page=1, limit=2)
        data = (await hear_type(socket, "gallery"))["data"]
        assert (len(data["images"]), data["page"], data["limit"], data["total"]) == (1, 1, 2, 3)
        assert data["has_next"] is False


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


class TestPictures:
    """Actions that do something with a picture: each is a job."""

    @pytest.mark.parametrize(
        ("message", "task"),
        [
            ({"action": "upscale_image", "scale": 2, "method": "lanczos"}, "upscale"),
            ({"action": "face_restoration", "visibility": 0.5}, "face_restoration"),
            ({"action": "adetailer", "prompt": "a face", "confidence": 0.5}, "adetailer"),
            ({"action": "preprocess", "type": "canny", "canny_low": 7}, "preprocess"),
            ({"action": "generate", "params": {"prompt": "a", "task": "img2img"}}, "img2img"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    async def test_each_is_a_job_once(
        self, connect: Connect, ann: User, model: ModelFile, message: dict[str, Any], task: str
    ) -> None:
        for kind in (ModelFile.Kind.DETECTOR, ModelFile.Kind.FACE_RESTORER):
            await sync_to_async(ModelFileFactory.create)(kind=kind, family=ModelFile.Family.UNKNOWN)
        image = "data:image/png;base64," + base64_of()
        asked = {**message, "idempotency_key": "k", "request_id": 9}
        if "params" in asked:
            asked["params"] = {**asked["params"], "image": image}
        else:
            asked["image"] = image
        socket = await connect(ann)
        answers = []
        for _ in range(2):
            await socket.ask(**asked)
            answers.append(await hear_type(socket, "job"))
        assert [answer["request_id"] for answer in answers] == [9, 9]
        assert {answer["data"]["task"] for answer in answers} == {task}
        assert len({answer["data"]["id"] for answer in answers}) == 1
        assert answers[0]["data"]["params"]["image"].startswith("upload:")
        assert len(json.dumps(answers[0])) < 10_000
        await socket.ask(action="cancel_generation")
        assert (await hear_type(socket, "error"))["code"] == "cancelled"

    async def test_a_strangers_picture_does_not_exist(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        mine = await connect(ann)
        await mine.ask(action="upscale_image", image=base64_of())
        reference = (await hear_type(mine, "job"))["data"]["params"]["image"]
        theirs = await connect(await sync_to_async(UserFactory.create)(username="zoe"))
        await theirs.ask(action="upscale_image", image=reference)
        error = await hear_type(theirs, "error")
        assert (error["code"], list(error["fields"])) == ("not_found", ["image"])
        assert await jobs() == 1


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
