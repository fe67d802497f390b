"""Real threads on a real database file: two workers, one job."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from gallery.models import Image
from generation import services
from generation.models import FairClock, Job, JobState, Share
from generation.services import Claim
from sdweb.accounts.models import User, UserLimits
from tests.generation.conftest import Submit
from tests.generation.test_state_machine import pictures

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Run the actions in threads that start together; their results in order, exceptions as values."""
    gate = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def run(index: int, action: Callable[[], Any]) -> None:
        gate.wait()
        try:
            results[index] = action()
        except Exception as error:
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(i, action)) for i, action in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_job_is_claimed_once(alice: User, submit: Submit) -> None:
    submit(alice)
    claims = at_once(*(partial(services.job_claim, worker=f"w{i}") for i in range(6)))
    assert sum(isinstance(claim, Claim) for claim in claims) == 1
    assert sum(claim is None for claim in claims) == 5


def test_six_jobs_are_claimed_by_six_workers(alice: User, bob: User, submit: Submit) -> None:
    for user in (alice, bob) * 3:
        submit(user)
    claims = at_once(*(partial(services.job_claim, worker=f"w{i}") for i in range(6)))
    ids = {claim.job.pk for claim in claims if isinstance(claim, Claim)}
    # A worker that loses several races in a row goes away empty: the next doorbell or pulse brings another.
    assert len(ids) == sum(isinstance(claim, Claim) for claim in claims) >= 1
    assert Job.objects.filter(state=JobState.RUNNING).count() == len(ids)


def test_a_running_limit_holds_when_two_claim_at_once(alice: User, submit: Submit) -> None:
    UserLimits.objects.create(user=alice, jobs_running=1)
    for _ in range(5):
        submit(alice)
        submit(alice)
        at_once(*(partial(services.job_claim, worker=f"w{i}") for i in range(4)))
        (running,) = Job.objects.filter(state=JobState.RUNNING)
        services.job_cancel(user=alice, job_id=running.pk)


def test_what_begins_at_once_is_charged_all(alice: User, submit: Submit) -> None:
    jobs = [submit(alice) for _ in range(4)]
    claims = at_once(*(partial(services.job_claim, worker=f"w{i}") for i in range(4)))
    begun = sum(isinstance(claim, Claim) for claim in claims)
    assert begun >= 1
    assert Share.objects.get(user=alice).tag == pytest.approx(begun * jobs[0].cost_tflop)
    assert FairClock.objects.get().starts == begun


def test_finish_and_cancel_agree(alice: User, submit: Submit) -> None:
    for _ in range(5):
        job = submit(alice)
        claim = services.job_claim(worker="w1")
        assert claim is not None
        done, cancelled = at_once(
            partial(services.job_finish, claim, images=pictures(), timings={}),
            partial(services.CANCEL.make, job.pk),
        )
        job.refresh_from_db()
        assert (done, cancelled) in {(True, False), (False, True)}
        assert job.state == (JobState.DONE if done else JobState.CANCELLED)
        assert Image.objects.filter(job_id=job.pk).count() == int(done)


def test_two_attempts_store_one_set(alice: User, submit: Submit) -> None:
    job = submit(alice)
    first = services.job_claim(worker="w1")
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    services.requeue_lost_jobs()
    second = services.job_claim(worker="w2")
    assert first is not None
    assert second is not None
    results = at_once(
        lambda: services.job_finish(first, images=pictures(2), timings={}),
        lambda: services.job_finish(second, images=pictures(2), timings={}),
    )
    assert results == [False, True]
    assert Image.objects.filter(job_id=job.pk).count() == 2


def test_a_lost_job_is_requeued_once(alice: User, submit: Submit) -> None:
    job = submit(alice)
    services.job_claim(worker="w1")
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    moved = at_once(*[services.requeue_lost_jobs] * 4)
    job.refresh_from_db()
    assert sum(moved) == 1
    assert job.lost_attempts == 1
