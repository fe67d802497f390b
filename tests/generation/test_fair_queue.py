"""The fair queue on the database: what claims take, what people are charged, whatever way a job came."""

import asyncio
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from generation import fair_queue, services
from generation.models import FairClock, Job, JobState, QueueState, Share, Worker
from generation.schemas import generate_in
from generation.services import Claim
from models_hub.models import ModelFile
from sdweb.accounts.models import GroupLimits, User, UserLimits
from sdweb.asgi import application
from tests.factories import ModelFileFactory, UserFactory
from tests.generation.conftest import Submit
from tests.generation.test_state_machine import pictures

pytestmark = pytest.mark.django_db

PROMPT = {"prompt": "a blue boat", "steps": 4}


def claimed(worker: str = "w1", **at_hand: Any) -> Job | None:
    """The job that the worker gets."""
    claim = services.job_claim(worker=worker, **at_hand)
    return claim.job if claim else None


def finish(claim: Claim, seconds: float = 1.0) -> None:
    assert services.job_finish(claim, images=pictures(), timings={"device": seconds})


def cancel(claim: Claim) -> bool:
    return services.job_cancel(user=claim.job.owner, job_id=claim.job.pk).state == JobState.CANCELLED


def worker_row(name: str, process: str, **values: Any) -> Worker:
    """A live worker with four slots."""
    return Worker.objects.create(name=name, process=process, **{"slots": 4, **values})


# --- A queues a hundred jobs, B one -----------------------------------------------------------------------


def by_service(user: User, model: ModelFile) -> uuid.UUID:
    """As other services do."""
    return services.job_submit(user=user, request=generate_in({**PROMPT, "model": model.name})).job.pk


def by_http(user: User, model: ModelFile) -> uuid.UUID:
    """As a program does."""
    client = Client()
    client.force_login(user)
    answer = client.post("/api/v1/jobs", {**PROMPT, "model": model.name}, content_type="application/json")
    assert answer.status_code == 202, answer.content
    return uuid.UUID(answer.json()["id"])


def by_socket(user: User, model: ModelFile) -> uuid.UUID:
    """As the interface does."""
    client = Client()
    client.force_login(user)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    return async_to_sync(_ask)(cookie, {"action": "generate", "params": {**PROMPT, "model": model.name}})


async def _ask(cookie: str, message: dict[str, Any]) -> uuid.UUID:
    headers = [(b"host", b"testserver"), (b"cookie", cookie.encode())]
    socket = WebsocketCommunicator(application, "/ws/", headers=headers)
    connected, _ = await socket.connect(timeout=10)
    assert connected
    await socket.send_to(text_data=json.dumps(message))
    async with asyncio.timeout(20):
        while True:
            answer = await socket.receive_json_from(timeout=10)
            if answer["type"] == "job":
                await socket.disconnect()
                return uuid.UUID(answer["data"]["id"])
            assert answer["type"] != "error", answer


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", [by_service, by_http, by_socket])
@pytest.mark.parametrize("model_name", ["demo", "another"])
def test_behind_a_hundred_jobs_one_is_next(
    alice: User,
    bob: User,
    submit: Submit,
    model: ModelFile,
    way: Callable[[User, ModelFile], uuid.UUID],
    model_name: str,
) -> None:
    """Also when its model has to be loaded, and all of the worker's jobs are A's."""
    assert ModelFileFactory.create(name="another").sha256 != model.sha256
    first = submit(alice)
    for _ in range(99):
        Job.objects.create(owner=alice, params=first.params, model=model, cost_tflop=first.cost_tflop)
    loaded = {model.sha256}
    running = [claimed(resident=loaded) for _ in range(4)]
    assert all(job and job.owner == alice for job in running)
    mine = way(bob, ModelFile.objects.get(name=model_name))
    following = claimed(resident=loaded)
    assert following is not None
    assert following.pk == mine


# --- Shares -------------------------------------------------------------------------------------------------


def test_work_is_shared_by_the_weights_of_groups_and_people(alice: User, bob: User, submit: Submit) -> None:
    group = Group.objects.create(name="painters")
    bob.groups.add(group)
    GroupLimits.objects.create(group=group, weight=3.0)
    for _ in range(20):
        submit(alice)
        submit(bob)
    owners = [job.owner for job in (claimed() for _ in range(20)) if job]
    assert 14 <= owners.count(bob) <= 16


def test_ones_own_jobs_come_by_their_turn(alice: User, submit: Submit) -> None:
    first, second = submit(alice), submit(alice)
    Job.objects.filter(pk=second.pk).update(turn=first.turn - 1)
    assert [claimed(), claimed(), claimed()] == [second, first, None]


def test_what_is_let_past_goes_first_the_earliest_of_several(alice: User, bob: User, submit: Submit) -> None:
    jobs = [submit(alice), submit(alice), submit(bob), submit(alice)]
    now = timezone.now()
    Job.objects.filter(pk=jobs[3].pk).update(urgent_at=now)
    Job.objects.filter(pk=jobs[1].pk).update(urgent_at=now - timedelta(seconds=1))
    assert [claimed(), claimed()] == [jobs[1], jobs[3]]


def test_a_claim_charges_its_owner_and_moves_the_clock(alice: User, bob: User, submit: Submit) -> None:
    UserLimits.objects.create(user=alice, weight=2.0)
    cost = submit(alice).cost_tflop
    submit(alice)
    submit(bob)
    assert claimed() is not None
    share = Share.objects.get(user=alice)
    assert share.tag == pytest.approx(cost / 2)
    assert share.last_start is not None
    claimed()
    claimed()
    clock = FairClock.objects.get()
    assert clock.starts == 3
    assert clock.now == pytest.approx(cost / 2)  # where Alice's second job started


@pytest.mark.parametrize(
    ("end", "left"),
    [
        (services.job_give_back, 1.0),
        (cancel, 0.75),
    ],
    ids=["given back", "cancelled after a quarter"],
)
def test_what_was_not_done_is_not_charged(
    alice: User, submit: Submit, claim: Callable[..., Claim], end: Callable[[Claim], bool], left: float
) -> None:
    submit(alice)
    mine = claim()
    charged = Share.objects.get(user=alice).tag
    services.job_heartbeat(mine, step=1, total=4)
    assert end(mine)
    assert Share.objects.get(user=alice).tag == pytest.approx(charged * (1 - left))
    assert not Job.objects.get(pk=mine.job.pk).charged


def test_being_busy_alone_is_forgotten_when_everything_has_ended(
    alice: User, bob: User, submit: Submit, claim: Callable[..., Claim]
) -> None:
    """Nobody went short while Alice had the machine for herself."""
    submit(alice, width=1024, height=1024, batch_size=4)
    finish(claim())
    jobs = [submit(alice), submit(bob), submit(bob)]
    assert claimed() == jobs[0]


# --- Limits, pauses, drains ---------------------------------------------------------------------------------


def test_somebody_at_their_limit_is_passed_over(
    alice: User, bob: User, submit: Submit, claim: Callable[..., Claim]
) -> None:
    UserLimits.objects.create(user=alice, jobs_running=1)
    for user in (alice, alice, bob, bob):
        submit(user)
    first = claim()
    assert first.job.owner == alice
    assert [job and job.owner for job in (claimed("w2"), claimed("w3"), claimed("w4"))] == [bob, bob, None]
    finish(first)
    again = claimed("w5")
    assert again is not None
    assert again.owner == alice


def test_a_limit_holds_for_what_is_let_past_too(alice: User, submit: Submit) -> None:
    UserLimits.objects.create(user=alice, jobs_running=1)
    submit(alice)
    Job.objects.filter(pk=submit(alice).pk).update(urgent_at=timezone.now())
    assert claimed() is not None
    assert claimed("w2") is None


def test_nothing_begins_while_the_queue_is_paused(alice: User, submit: Submit) -> None:
    submit(alice)
    QueueState.objects.create(paused=True)
    assert claimed() is None
    QueueState.objects.update(paused=False)
    assert claimed() is not None


def test_a_worker_that_is_drained_takes_nothing(alice: User, submit: Submit) -> None:
    submit(alice)
    worker_row("gpu0@here", "p0", accepts=False)
    assert claimed("p0", place="gpu0@here") is None
    assert claimed("p1", place="gpu1@here") is not None


# --- Several workers ----------------------------------------------------------------------------------------


def test_a_job_is_left_to_the_worker_that_has_its_model(
    alice: User, submit: Submit, model: ModelFile
) -> None:
    worker_row("gpu0@here", "p0", resident=[model.sha256])
    worker_row("gpu1@here", "p1")
    submit(alice)
    assert claimed("p1", place="gpu1@here") is None
    assert claimed("p0", place="gpu0@here", resident={model.sha256}) is not None


@pytest.mark.parametrize(
    "gone",
    [
        {"seen_at": timezone.now() - timedelta(minutes=5)},
        {"accepts": False},
        {"slots": 0},
    ],
    ids=["silent", "drained", "full of unknown work"],
)
def test_but_not_to_one_that_will_not_take_it(
    alice: User, submit: Submit, model: ModelFile, gone: dict[str, Any]
) -> None:
    worker_row("gpu0@here", "p0", resident=[model.sha256], **gone)
    submit(alice)
    assert claimed("p1") is not None


def test_and_not_for_long(alice: User, submit: Submit, model: ModelFile) -> None:
    worker_row("gpu0@here", "p0", resident=[model.sha256])
    Job.objects.filter(pk=submit(alice).pk).update(created_at=F("created_at") - timedelta(seconds=15))
    worker_row("gpu1@here", "p1")
    assert claimed("p1", place="gpu1@here") is not None
    assert Worker.objects.get(pk="gpu1@here").loaded_at is not None


# --- Looking into the table ---------------------------------------------------------------------------------


def test_everybodys_next_job_is_found(submit: Submit, model: ModelFile) -> None:
    """Against the plain definition, on a random table."""
    random = Random(5)  # noqa: S311 - no secret
    people = [UserFactory.create() for _ in range(7)]
    plain = submit(people[0])
    for _ in range(60):
        Job.objects.create(
            owner=random.choice(people),
            params=plain.params,
            model=model,
            cost_tflop=1.0,
            turn=random.choice([1.0, 2.0, 3.0]),
            state=random.choice([JobState.QUEUED, JobState.HELD]),
        )
    waiting = Job.objects.filter(state=JobState.QUEUED)
    expected = {
        min(waiting.filter(owner=owner), key=lambda job: (job.turn, job.pk)).pk
        for owner in set(waiting.values_list("owner", flat=True))
    }
    assert {job.pk for job in fair_queue.waiting_heads()} == expected
    assert set(fair_queue.people_waiting()) == set(waiting.values_list("owner", flat=True))


def test_a_head_that_another_worker_begins_meanwhile_is_followed_by_its_owners_next(
    submit: Submit, alice: User
) -> None:
    """Or whoever has its model would believe that nobody wants it any more, and load another."""
    first, second = submit(alice), submit(alice)
    begun: list[uuid.UUID] = []

    def begin_meanwhile(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if ModelFile._meta.db_table in sql and not begun:  # the heads are known, their rows are being read
            begun.append(first.pk)
            assert claimed("another") == first
        return execute(sql, *rest)

    with connection.execute_wrapper(begin_meanwhile):
        assert [job.pk for job in fair_queue.waiting_heads()] == [second.pk]


def test_a_claim_asks_as_often_for_one_as_for_many(
    submit: Submit, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        submit(UserFactory.create())
        submit(UserFactory.create())
    claimed()
    with django_assert_max_num_queries(24):
        assert claimed() is not None
