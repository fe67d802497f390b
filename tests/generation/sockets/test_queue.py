"""The queue over the WebSocket: actions, live numbers, everybody's list, and who may stay."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session

from generation import consumers, services
from generation.models import Job, JobState
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from tests.factories import UserFactory
from tests.generation.sockets.client import Connect, Socket, hear_type
from tests.generation.test_queueing import give

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets compare themselves with the database all the time."""
    monkeypatch.setattr(consumers, "FOLLOW_SECONDS", 0.1)


async def submitted(socket: Socket, prompt: str = "a") -> str:
    await socket.ask(action="generate", params={"prompt": prompt})
    return str((await hear_type(socket, "job"))["data"]["id"])


async def answered(socket: Socket) -> dict[str, Any]:
    """The next message that answers one of ours."""
    while "request_id" not in (message := await socket.hear()):
        pass
    return message


async def somebody(right: str = "") -> User:
    person = await sync_to_async(UserFactory.create)()
    return await sync_to_async(give)(person, right) if right else person


class TestMine:
    async def test_hold_release_move_and_clear(self, connect: Connect, ann: User, model: ModelFile) -> None:
        socket, other = await connect(ann), await connect(ann)
        first, second = await submitted(socket), await submitted(socket)
        await socket.ask(action="hold_job", job_id=first, request_id=1)
        held = await hear_type(socket, "job", state="held")
        assert (held["data"]["id"], held["request_id"]) == (first, 1)
        await hear_type(other, "job", state="held")
        await socket.ask(action="move_job", job_id=second, to="first")
        turns = (await hear_type(other, "order"))["data"]["turns"]
        assert turns[second] < turns[first]
        await socket.ask(action="cancel_all", request_id=2)
        assert (await hear_type(socket, "cancelled_all"))["data"] == {"count": 2}
        await socket.ask(action="clear_finished")
        assert set((await hear_type(other, "cleared"))["data"]["job_ids"]) == {first, second}

    async def test_retry_is_a_new_job_in_place_of_the_old(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        socket = await connect(ann)
        old = await submitted(socket)
        await socket.ask(action="cancel_job", job_id=old)
        await hear_type(socket, "job", state="cancelled")
        await socket.ask(action="retry_job", job_id=old, request_id="r")
        heard = {(await socket.hear())["type"] for _ in range(2)}  # the answer and the news, in either order
        while not {"job", "cleared"} <= heard:
            heard.add((await socket.hear())["type"])
        old_job, new_job = [job async for job in Job.objects.order_by("id")]
        assert (old_job.state, new_job.state) == (JobState.CANCELLED, JobState.QUEUED)
        assert old_job.cleared_at is not None

    async def test_what_others_do_to_my_job_is_told(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        owner, manager = await connect(ann), await connect(await somebody("manage_queue"))
        job_id = await submitted(owner)
        await manager.ask(action="hold_job", job_id=job_id)
        assert (await hear_type(manager, "managed"))["data"] == {
            "job_id": job_id,
            "state": "held",
            "urgent": False,
        }
        assert (await hear_type(owner, "job", state="held"))["data"]["id"] == job_id

    @pytest.mark.parametrize("action", ["pause_queue", "resume_queue", "expedite_job"])
    async def test_without_the_right_it_is_forbidden(
        self, connect: Connect, ann: User, model: ModelFile, action: str
    ) -> None:
        socket = await connect(ann)
        job_id = await submitted(socket)
        await socket.ask(action=action, job_id=job_id)
        error = await hear_type(socket, "error")
        assert (error["code"], error["action"]) == ("forbidden", action)

    async def test_a_right_counts_as_soon_as_it_is_given(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        socket = await connect(ann)
        job_id = await submitted(socket)
        await socket.ask(action="expedite_job", job_id=job_id)
        await hear_type(socket, "error")
        await sync_to_async(give)(ann, "jump_queue")
        await socket.ask(action="expedite_job", job_id=job_id, request_id=1)
        assert (await answered(socket))["data"]["urgent"] is True


class TestLive:
    async def test_how_the_queue_stands_for_who_asked_and_nobody_else(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        live, quiet = await connect(ann, "?queue=live"), await connect(ann)
        assert (await hear_type(live, "queue"))["data"]["waiting"] == 0
        await quiet.hear()
        manager = await connect(await somebody("manage_queue"))
        await manager.ask(action="pause_queue", reason="New disks")
        assert (await hear_type(manager, "queue"))["data"]["mine"] == {
            "waiting": 0,
            "held": 0,
            "running": 0,
        }
        told = (await hear_type(live, "queue"))["data"]
        assert (told["paused"], told["reason"], told["mine"]) == (True, "New disks", None)
        assert await quiet.silent()
        await submitted(quiet)
        assert (await hear_type(live, "queue"))["data"]["waiting"] == 1

    async def test_everybodys_jobs_as_far_as_one_may_see_them(
        self, connect: Connect, ann: User, model: ModelFile
    ) -> None:
        stranger, watcher = await connect(await somebody()), await connect(await somebody("view_all_jobs"))
        for socket in (stranger, watcher):
            await socket.ask(action="watch_queue", request_id=1)
            assert (await hear_type(socket, "queue_jobs"))["data"] == {"items": [], "more": False}
        owner = await connect(ann)
        job_id = await submitted(owner, "a heron")
        (hidden,) = (await hear_type(stranger, "queue_jobs"))["data"]["items"]
        (shown,) = (await hear_type(watcher, "queue_jobs"))["data"]["items"]
        assert (hidden["id"], hidden["prompt"], hidden["owner"]) == (job_id, None, None)
        assert (shown["id"], shown["prompt"], shown["owner"]) == (job_id, "a heron", "ann")
        await stranger.ask(action="unwatch_queue")
        await hear_type(stranger, "queue")
        await owner.ask(action="cancel_job", job_id=job_id)
        assert (await hear_type(watcher, "queue_jobs"))["data"]["items"] == []
        assert await stranger.silent()

    async def test_a_right_that_is_taken_away_ends_what_is_seen(
        self, connect: Connect, ann: User, model: ModelFile, quick: None
    ) -> None:
        person = await somebody("view_all_jobs")
        watcher = await connect(person)
        await submitted(await connect(ann), "a heron")
        await watcher.ask(action="watch_queue")
        (shown,) = (await hear_type(watcher, "queue_jobs"))["data"]["items"]
        assert shown["prompt"] == "a heron"
        await person.user_permissions.aclear()
        # What was told before may still be on its way.
        while shown["prompt"] is not None:
            (shown,) = (await hear_type(watcher, "queue_jobs"))["data"]["items"]

    async def test_what_nobody_told_is_seen_in_the_database(
        self, connect: Connect, ann: User, model: ModelFile, quick: None
    ) -> None:
        socket = await connect(ann, "?queue=live")
        job_id = await submitted(socket)
        await hear_type(socket, "queue")
        await Job.objects.filter(pk=job_id).aupdate(state=JobState.HELD)  # past the services
        message: dict[str, Any] = {}
        while message.get("held") != 1:
            message = (await hear_type(socket, "queue"))["data"]
        await sync_to_async(services.jobs_cancel_all)(user=ann)


class TestStaying:
    async def closed(self, socket: Socket) -> bool:
        """Whether the socket is closed as one that is not signed in."""
        while True:
            output = await socket.raw.receive_output(timeout=5)
            if output["type"] == "websocket.close":
                return bool(output["code"] == consumers.CLOSE_NOT_SIGNED_IN)

    async def test_not_after_the_session_was_ended(self, connect: Connect, ann: User, quick: None) -> None:
        socket = await connect(ann)
        await socket.hear()
        assert await socket.silent()
        await Session.objects.all().adelete()
        assert await self.closed(socket)

    async def test_not_after_the_password_was_changed(self, connect: Connect, ann: User, quick: None) -> None:
        socket = await connect(ann)
        await socket.hear()
        ann.set_password("another one entirely")
        await ann.asave()
        assert await self.closed(socket)

    async def test_not_with_a_session_that_is_somebody_elses_now(
        self, connect: Connect, ann: User, quick: None
    ) -> None:
        socket = await connect(ann)
        await socket.hear()
        session = await sync_to_async(lambda: Session.objects.get().get_decoded())()
        await Session.objects.all().aupdate(session_data=await sync_to_async(emptied)(session))
        assert await self.closed(socket)


def emptied(session: Any) -> str:
    from django.contrib.sessions.backends.db import SessionStore

    return str(SessionStore().encode({**session, "_auth_user_id": "0"}))
