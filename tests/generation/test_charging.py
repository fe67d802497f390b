"""The ledger: every attempt is charged once, whatever happens to it."""

import math
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generation import services
from generation.models import GpuUse, Job
from generation.services import Claim
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.generation.conftest import Submit
from tests.generation.test_races import at_once
from tests.generation.test_state_machine import pictures

pytestmark = pytest.mark.django_db

BROKEN = PortalError("engine_broke", "It broke.", status=500)


def charged(user: User) -> float:
    """Seconds in this person's ledger."""
    found = GpuUse.objects.filter(user=user).aggregate(seconds=Sum("seconds", default=0.0))
    return float(found["seconds"])


def lose(job: Job) -> None:
    """Let the lease run out and the job be found."""
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert services.requeue_lost_jobs() == 1


def test_a_finished_job_is_charged_with_it(alice: User, submit: Submit, claim: Callable[..., Claim]) -> None:
    job = submit(alice)
    mine = claim()
    assert services.job_finish(mine, images=pictures(), timings={"device": 2.5, "denoised": 9.0})
    (use,) = GpuUse.objects.all()
    assert (use.user, use.job_id, use.attempt, use.seconds) == (alice, job.pk, 1, 2.5)
    assert not services.job_finish(mine, images=pictures(), timings={"device": 2.5})
    services.job_charge(mine, seconds=7.0)
    assert charged(alice) == 2.5


def test_without_a_device_time_the_rows_own_seconds_count(
    alice: User, submit: Submit, claim: Callable[..., Claim]
) -> None:
    submit(alice)
    services.job_finish(claim(), images=pictures(), timings={"loaded": 5.0, "denoised": 2.0, "decoded": 0.5})
    assert charged(alice) == 2.5


def test_a_cancelled_attempt_costs_what_it_took(
    alice: User, submit: Submit, claim: Callable[..., Claim]
) -> None:
    job = submit(alice)
    mine = claim()
    services.job_cancel(user=alice, job_id=job.pk)
    assert not services.job_finish(mine, images=pictures(), timings={"device": 3.0})
    assert charged(alice) == 0
    services.job_charge(mine, seconds=3.0)
    services.job_charge(mine, seconds=3.0)
    assert charged(alice) == 3.0


def test_two_attempts_are_two_charges(alice: User, submit: Submit, claim: Callable[..., Claim]) -> None:
    job = submit(alice)
    first = claim("w1")
    lose(job)
    second = claim("w2")
    services.job_finish(second, images=pictures(), timings={"device": 2.0})
    # The first worker comes back: what it did was done for nobody, and took a GPU all the same.
    assert not services.job_finish(first, images=pictures(), timings={"device": 1.0})
    services.job_charge(first, seconds=1.0)
    services.job_charge(second, seconds=2.0)
    assert sorted(GpuUse.objects.values_list("attempt", "seconds")) == [(1, 1.0), (2, 2.0)]


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_time_is_not_written(
    alice: User, submit: Submit, claim: Callable[..., Claim], seconds: float
) -> None:
    submit(alice)
    services.job_charge(claim(), seconds=seconds)
    assert not GpuUse.objects.exists()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ends=st.lists(
        st.tuples(
            st.sampled_from(["finish", "cancel", "give back", "fail for now", "lose"]),
            st.floats(0.125, 100).map(lambda seconds: round(seconds * 8) / 8),
            st.integers(1, 3),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_sum_is_what_was_really_used(
    alice: User, submit: Submit, ends: list[tuple[str, float, int]]
) -> None:
    before, used = charged(alice), 0.0
    job = submit(alice)
    for end, seconds, reports in ends:
        claim = services.job_claim(worker="w1")
        if claim is None:
            break
        used += seconds
        if end == "finish":
            services.job_finish(claim, images=pictures(), timings={"device": seconds})
        elif end == "cancel":
            services.job_cancel(user=alice, job_id=job.pk)
        elif end == "give back":
            services.job_give_back(claim)
        elif end == "fail for now":
            services.job_fail(claim, error=BROKEN, permanent=False)
        else:
            lose(job)
        for _ in range(reports):
            services.job_charge(claim, seconds=seconds)
    assert charged(alice) - before == used
    services.CANCEL.make(job.pk)


@pytest.mark.django_db(transaction=True)
def test_who_is_told_twice_at_once_charges_once(
    alice: User, submit: Submit, claim: Callable[..., Claim]
) -> None:
    submit(alice)
    mine = claim()
    at_once(
        partial(services.job_finish, mine, images=pictures(), timings={"device": 2.0}),
        partial(services.job_finish, mine, images=pictures(), timings={"device": 2.0}),
        *[partial(services.job_charge, mine, seconds=2.0)] * 4,
    )
    assert charged(alice) == 2.0


@pytest.mark.django_db(transaction=True)
def test_somebody_who_is_gone_is_not_charged(
    alice: User, submit: Submit, claim: Callable[..., Claim]
) -> None:
    submit(alice)
    mine = claim()
    alice.delete()
    services.job_charge(mine, seconds=2.0)
    assert not GpuUse.objects.exists()


def test_old_rows_go(alice: User, submit: Submit, claim: Callable[..., Claim]) -> None:
    now = timezone.now()
    for days in (1, 89, 91, 400):
        submit(alice)
        mine = claim()
        services.job_charge(mine, seconds=days)
        GpuUse.objects.filter(job_id=mine.job.pk).update(created_at=now - timedelta(days=days))
    assert services.gpu_use_purge(now) == 2
    assert charged(alice) == 90
