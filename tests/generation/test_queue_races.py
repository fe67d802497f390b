"""Real threads on a real database: whoever comes second finds that somebody was there first."""

import uuid
from functools import partial

import pytest

from generation import services
from generation.models import Job, JobState
from generation.services import Claim, Destination
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.generation.conftest import Submit
from tests.generation.test_queueing import order
from tests.generation.test_races import at_once
from tests.generation.test_state_machine import put

pytestmark = pytest.mark.django_db(transaction=True)


def test_hold_and_claim_agree(alice: User, submit: Submit) -> None:
    for _ in range(5):
        job = submit(alice)
        held, claim = at_once(
            partial(services.job_hold, user=alice, job_id=job.pk), partial(services.job_claim, worker="w1")
        )
        job.refresh_from_db()
        if isinstance(claim, Claim):
            assert (job.state, held.code) == (JobState.RUNNING, "wrong_state")
        else:
            assert (job.state, claim) == (JobState.HELD, None)
        services.jobs_cancel_all(user=alice)


def test_two_holds_are_one(alice: User, submit: Submit) -> None:
    job = submit(alice)
    results = at_once(*[partial(services.job_hold, user=alice, job_id=job.pk)] * 4)
    assert sum(isinstance(result, Job) for result in results) == 1
    assert {result.code for result in results if isinstance(result, PortalError)} == {"wrong_state"}


def test_moves_at_the_same_moment_lose_no_turn(alice: User, submit: Submit) -> None:
    jobs = [submit(alice) for _ in range(6)]
    turns = sorted(job.turn for job in jobs)
    ways = [Destination(to="last"), Destination(to="first"), Destination(to="up"), Destination(to="down")]
    moves = [
        partial(services.job_move, user=alice, job_id=job.pk, where=where)
        for job, where in zip(jobs, [*ways, *ways[1:3]], strict=True)
    ]
    results = at_once(*moves)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert sorted(Job.objects.values_list("turn", flat=True)) == turns


def test_a_move_beside_claims_and_a_cancel_of_everything(alice: User, submit: Submit) -> None:
    jobs = [submit(alice) for _ in range(6)]
    results = at_once(
        partial(services.job_move, user=alice, job_id=jobs[5].pk, where=Destination(to="first")),
        partial(services.job_claim, worker="w1"),
        partial(services.jobs_cancel_all, user=alice),
        partial(services.job_move, user=alice, job_id=jobs[0].pk, where=Destination(to="last")),
    )
    failures = [result for result in results if isinstance(result, Exception)]
    assert all(isinstance(one, PortalError) and one.status == 409 for one in failures), failures
    # What the claim took before everything was cancelled is cancelled too; nothing is left in between.
    assert set(Job.objects.values_list("state", flat=True)) <= {JobState.CANCELLED, JobState.RUNNING}


def test_a_job_is_retried_once(alice: User, submit: Submit) -> None:
    job = submit(alice)
    put(job, JobState.FAILED)
    results = at_once(*[partial(services.job_retry, user=alice, job_id=job.pk)] * 4)
    ids: set[uuid.UUID] = {result.job.pk for result in results}
    assert len(ids) == 1
    assert sum(result.created for result in results) == 1
    assert order(alice) == list(ids)


def test_pausing_at_the_same_moment_is_written_down_once(admin: User) -> None:
    from sdweb.accounts.models import AuditEntry

    at_once(*[partial(services.queue_pause, user=admin, reason="Disks")] * 4)
    assert AuditEntry.objects.filter(action="queue.paused").count() == 1
