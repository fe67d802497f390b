"""Jobs by the socket: asked for, watched, cancelled, caught up with."""

import asyncio
import base64
import struct
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from generation import announcements, consumers, events, services
from generation.models import Job, JobState
from generation.publisher import send_or_drop
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.factories import UserFactory
from tests.generation.sockets.client import (
    Connect,
    hear_bytes,
    hear_type,
    running_job,
)
from tests.generation.test_state_machine import pictures

pytestmark = pytest.mark.django_db(transaction=True)


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
