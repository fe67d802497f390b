"""The rows of the GPU workers: who writes what, who is there, draining and coming back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from generation import presence, services
from generation.models import Worker
from sdweb.accounts.models import AuditEntry, User
from sdweb.errors import PortalError
from tests.factories import WorkerFactory

pytestmark = pytest.mark.django_db


def test_a_report_makes_the_row_and_then_keeps_it_current() -> None:
    assert services.worker_report(Worker(name="gpu0@a", process="a:1:x", ticks=3, resident=["f" * 64]))
    later = timezone.now() + timedelta(seconds=5)
    assert services.worker_report(Worker(name="gpu0@a", process="a:1:x", ticks=9, seen_at=later))
    (row,) = Worker.objects.all()
    assert (row.ticks, row.resident, row.seen_at) == (9, [], later)


def test_a_report_never_undoes_what_an_administrator_chose(admin: User) -> None:
    services.worker_report(Worker(name="gpu0@a", process="a:1:x"))
    services.worker_drain(user=admin, name="gpu0@a")
    # The process was started anew, and knows nothing of it.
    assert not services.worker_report(Worker(name="gpu0@a", process="a:2:y"))
    row = Worker.objects.get()
    assert (row.process, row.accepts) == ("a:2:y", False)


def test_who_is_there(settings: Any) -> None:
    settings.RECOVERY_SECONDS = 5.0
    now = timezone.now()
    WorkerFactory.create(name="gpu1@a")
    WorkerFactory.create(name="gpu0@a", seen_at=now - timedelta(seconds=10), accepts=False)
    WorkerFactory.create(name="gone@a", seen_at=now - timedelta(seconds=20))
    assert [row.name for row in presence.workers_here()] == ["gpu0@a", "gpu1@a"]
    assert presence.workers_alive() == 2
    settings.RECOVERY_SECONDS = 10.0
    assert presence.workers_alive() == 3


def test_one_that_stops_is_gone_at_once() -> None:
    WorkerFactory.create(name="gpu0@a", process="a:1:x", jobs_running=3, resident=["f" * 64])
    services.worker_leave(name="gpu0@a", process="a:1:x")
    assert presence.workers_alive() == 0
    row = Worker.objects.get()
    assert (row.jobs_running, row.resident) == (0, [])


def test_a_late_goodbye_does_not_send_the_successor_away() -> None:
    WorkerFactory.create(name="gpu0@a", process="a:2:y")
    services.worker_leave(name="gpu0@a", process="a:1:x")
    assert presence.workers_alive() == 1


def test_those_gone_for_a_day_are_forgotten() -> None:
    now = timezone.now()
    WorkerFactory.create(name="here")
    WorkerFactory.create(name="yesterday", seen_at=now - timedelta(hours=23))
    WorkerFactory.create(name="long ago", seen_at=now - timedelta(hours=25))
    assert services.workers_forget(now) == 1
    assert set(Worker.objects.values_list("name", flat=True)) == {"here", "yesterday"}


class TestDraining:
    def test_it_is_written_down_once(self, admin: User) -> None:
        WorkerFactory.create(name="gpu0@a")
        for _ in range(2):
            assert not services.worker_drain(user=admin, name="gpu0@a").accepts
        assert not services.worker_accepts("gpu0@a")
        for _ in range(2):
            assert services.worker_resume(user=admin, name="gpu0@a").accepts
        entries = (
            AuditEntry.objects.filter(action__startswith="worker.")
            .order_by("pk")
            .values_list("action", "actor__username", "target")
        )
        assert list(entries) == [
            ("worker.drained", "root", "worker:gpu0@a"),
            ("worker.resumed", "root", "worker:gpu0@a"),
        ]

    @pytest.mark.parametrize("change", [services.worker_drain, services.worker_resume])
    def test_who_may_not(self, alice: User, change: Callable[..., Worker]) -> None:
        WorkerFactory.create(name="gpu0@a")
        with pytest.raises(PortalError) as raised:
            change(user=alice, name="gpu0@a")
        assert raised.value.code == "forbidden"
        assert not AuditEntry.objects.filter(action__startswith="worker.").exists()

    def test_a_group_may_be_given_the_right(self, alice: User) -> None:
        WorkerFactory.create(name="gpu0@a")
        alice.user_permissions.add(Permission.objects.get(codename="manage_queue"))
        assert not services.worker_drain(user=User.objects.get(pk=alice.pk), name="gpu0@a").accepts

    def test_one_that_is_not_there(self, admin: User) -> None:
        with pytest.raises(PortalError) as raised:
            services.worker_drain(user=admin, name="gpu0@a")
        assert raised.value.code == "not_found"
        assert services.worker_accepts("gpu0@a")
