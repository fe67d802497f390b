"""``/api/v1/workers``: what administrators see of the machines, and who else may."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from generation import services
from generation.models import Job, JobState, QueueState, Worker
from models_hub.models import ModelFile
from sdweb.accounts.models import AuditEntry, User
from sdweb.ids import uuid7, uuid7_floor
from tests.factories import UserFactory, WorkerFactory
from tests.gallery.making import image_make
from tests.generation.conftest import Submit

pytestmark = pytest.mark.django_db

URL = "/api/v1/workers"


def status(client: Client) -> dict[str, Any]:
    answer = client.get(URL)
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_the_workers(admin_client: Client, model: ModelFile) -> None:
    now = timezone.now()
    WorkerFactory.create(
        name="gpu1@b", device="cuda:0", device_name="Big Card", resident=[model.sha256, "f" * 64],
        ticks=10, rows=25, tick_ms=41.27, jobs_running=2, loads=2,
    )  # fmt: skip
    WorkerFactory.create(name="gpu0@b", accepts=False)
    WorkerFactory.create(
        name="gpu0@a", seen_at=now - timedelta(minutes=5), jobs_running=3, resident=[model.sha256]
    )
    drained, busy, gone = status(admin_client)["workers"]
    assert (drained["name"], drained["alive"], drained["accepts"]) == ("gpu0@b", True, False)
    assert (busy["name"], busy["device_name"], busy["models"]) == ("gpu1@b", "Big Card", ["demo", "ffffffff"])
    assert (busy["mean_batch"], busy["tick_ms"], busy["jobs_running"], busy["loads"]) == (2.5, 41.3, 2, 2)
    assert (gone["name"], gone["alive"], gone["jobs_running"], gone["models"]) == ("gpu0@a", False, 0, [])


def test_nothing_runs_and_nothing_waits(admin_client: Client) -> None:
    assert status(admin_client) == {
        "workers": [],
        "queue": {
            "waiting": 0,
            "held": 0,
            "running": 0,
            "oldest_wait_seconds": None,
            "paused": False,
            "reason": "",
            "since": None,
            "paused_by": None,
        },
        "rates": {"pictures_per_minute": 0.0, "jobs_per_hour": 0, "mean_batch": 0.0},
        "errors": [],
    }


def test_the_queue(admin_client: Client, alice: User, submit: Submit) -> None:
    first, _, held = (submit(alice) for _ in range(3))
    Job.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(seconds=90))
    Job.objects.filter(pk=held.pk).update(
        state=JobState.HELD, created_at=timezone.now() - timedelta(seconds=900)
    )
    queue = status(admin_client)["queue"]
    assert 90 <= queue.pop("oldest_wait_seconds") < 200
    assert (queue["waiting"], queue["held"], queue["running"], queue["paused"]) == (2, 1, 0, False)


def test_a_pause_says_who_and_why_and_since_when(admin: User, admin_client: Client) -> None:
    before = timezone.now().replace(microsecond=0)
    services.queue_pause(user=admin, reason="New disks")
    queue = status(admin_client)["queue"]
    assert [queue[name] for name in ("paused", "reason", "paused_by")] == [True, "New disks", "root"]
    assert datetime.fromisoformat(queue["since"]) >= before
    QueueState.objects.update(changed_by=None)  # the account is gone
    assert status(admin_client)["queue"]["paused_by"] is None
    services.queue_resume(user=admin)
    queue = status(admin_client)["queue"]
    paused = [queue[name] for name in ("paused", "reason", "since", "paused_by")]
    assert paused == [False, "", None, None]


def test_what_gets_done(admin_client: Client, alice: User, submit: Submit) -> None:
    now = timezone.now()
    for age in (5, 30, 90):
        _put(submit(alice), state=JobState.DONE, finished_at=now - timedelta(minutes=age))
    for code in ("out_of_memory", "out_of_memory", "model_gone"):
        _put(submit(alice), state=JobState.FAILED, finished_at=now, error={"code": code, "message": "x"})
    _put(
        submit(alice),
        state=JobState.FAILED,
        finished_at=now - timedelta(minutes=61),
        error={"code": "old", "message": "x"},
    )
    for _ in range(5):
        image_make(alice)
    WorkerFactory.create(ticks=10, rows=20)
    WorkerFactory.create(ticks=10, rows=60)
    WorkerFactory.create(ticks=900, rows=900, seen_at=now - timedelta(hours=1))
    body = status(admin_client)
    assert body["rates"] == {"pictures_per_minute": 0.5, "jobs_per_hour": 2, "mean_batch": 4.0}
    assert body["errors"] == [{"code": "out_of_memory", "count": 2}, {"code": "model_gone", "count": 1}]


def _put(job: Job, **changes: Any) -> None:
    Job.objects.filter(pk=job.pk).update(**changes)


def test_it_costs_the_same_whatever_there_is(admin_client: Client, model: ModelFile) -> None:
    WorkerFactory.create(resident=[model.sha256])
    status(admin_client)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            status(admin_client)
        counts.append(len(queries))
        for _ in range(20):
            WorkerFactory.create(resident=[model.sha256])
    assert counts[0] == counts[1]


class TestWhoMayLook:
    def test_not_everybody(self, alice_client: Client, anonymous_client: Client) -> None:
        assert alice_client.get(URL).status_code == 403
        assert anonymous_client.get(URL).status_code == 401

    @pytest.mark.parametrize("right", ["view_worker", "manage_queue"])
    def test_those_with_a_right(
        self, alice: User, client_for: Callable[[User | None], Client], right: str
    ) -> None:
        alice.user_permissions.add(
            Permission.objects.get(codename=right, content_type__app_label="generation")
        )
        status(client_for(alice))

    def test_staff(self, client_for: Callable[[User | None], Client]) -> None:
        status(client_for(UserFactory.create(is_staff=True)))


class TestTheSwitch:
    def test_there_and_back(self, admin_client: Client) -> None:
        WorkerFactory.create(name="gpu0@host-1.example.org")
        address = f"{URL}/gpu0@host-1.example.org"
        assert admin_client.post(f"{address}/drain").json()["accepts"] is False
        assert not Worker.objects.get().accepts
        assert admin_client.post(f"{address}/resume").json()["accepts"] is True
        assert AuditEntry.objects.filter(target="worker:gpu0@host-1.example.org").count() == 2

    @pytest.mark.parametrize("what", ["drain", "resume"])
    def test_others_may_not(
        self, alice: User, alice_client: Client, anonymous_client: Client, what: str
    ) -> None:
        WorkerFactory.create(name="gpu0@a")
        alice.user_permissions.add(Permission.objects.get(codename="view_worker"))
        assert alice_client.post(f"{URL}/gpu0@a/{what}").status_code == 403
        assert anonymous_client.post(f"{URL}/gpu0@a/{what}").status_code == 401
        assert Worker.objects.get().accepts

    def test_one_that_is_not_there(self, admin_client: Client) -> None:
        assert admin_client.post(f"{URL}/gpu9@a/drain").status_code == 404

    @pytest.mark.parametrize("name", ["%00", "a%20b", "x" * 101])
    def test_what_is_no_name(self, admin_client: Client, name: str) -> None:
        assert admin_client.post(f"{URL}/{name}/drain").status_code == 422


def test_a_floor_of_identifiers() -> None:
    before, made, after = timezone.now(), uuid7(), timezone.now()
    assert uuid7_floor(before) <= made < uuid7_floor(after + timedelta(milliseconds=2))
