"""The doorbells: their names, their queues, and that a deaf Redis harms nobody."""

from typing import Any

import pytest
from django.db import transaction
from kombu.exceptions import OperationalError

from generation import doorbell, tasks
from generation.models import Job
from sdweb.accounts.models import User
from sdweb.celery import app
from tests.generation.conftest import Submit


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every ring."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.serve_next, "apply_async", lambda **options: calls.append(options))
    return calls


def test_the_gpu_doorbell_goes_to_gpu_workers_and_the_rest_to_io() -> None:
    router = app.amqp.router
    assert router.route({}, "generation.tasks.serve_next")["queue"].name == "gpu"
    assert router.route({}, "generation.tasks.requeue_lost_jobs")["queue"].name == "io"


def test_every_beat_entry_names_a_task_that_exists() -> None:
    app.loader.import_default_modules()
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks


def test_only_json_is_taken() -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late
    assert app.conf.broker_transport_options.get("visibility_timeout", 43200) >= 12 * 3600


@pytest.mark.django_db(transaction=True)
def test_it_rings_after_the_commit_and_not_before(
    alice: User, submit: Submit, rung: list[dict[str, Any]]
) -> None:
    with transaction.atomic():
        submit(alice)
        assert rung == []
    assert len(rung) == 1
    assert rung[0]["expires"] > 0


@pytest.mark.django_db(transaction=True)
def test_what_is_undone_does_not_ring(alice: User, submit: Submit, rung: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        submit(alice)
        transaction.set_rollback(True)
    assert rung == []
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_job_is_submitted_even_when_nobody_can_be_rung(
    alice: User, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(**_options: Any) -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(tasks.serve_next, "apply_async", deaf)
    job = submit(alice)
    assert Job.objects.filter(pk=job.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_news_that_cannot_be_told_do_not_undo_the_change(
    alice: User, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise ValueError

    doorbell.after_commit(broken)
    monkeypatch.setattr("generation.announcements.events.send_to_user", broken)
    assert Job.objects.filter(pk=submit(alice).pk).exists()
