"""Leases and clocks that are wrong."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from generation import services
from generation.models import Job, JobState
from generation.services import Claim
from sdweb.accounts.models import User
from tests.generation.conftest import Submit

pytestmark = pytest.mark.django_db


def test_a_lease_from_before_the_clock_was_set_back_is_lost(
    alice: User, submit: Submit, claim: Callable[..., Claim]
) -> None:
    """Its worker died before it could shorten it: nobody should wait an hour for it to end."""
    job = submit(alice)
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=False):
        claim()
    assert services.requeue_lost_jobs() == 1
    job.refresh_from_db()
    assert (job.state, job.lost_attempts) == (JobState.QUEUED, 1)


def test_a_worker_that_lives_shortens_its_lease(
    alice: User, submit: Submit, claim: Callable[..., Claim]
) -> None:
    submit(alice)
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=False):
        held = claim()
    assert services.job_heartbeat(held)
    assert services.requeue_lost_jobs() == 0


def test_a_machine_whose_clock_is_a_little_ahead_keeps_its_jobs(
    alice: User, submit: Submit, claim: Callable[..., Claim]
) -> None:
    submit(alice)
    with time_machine.travel(timezone.now() + timedelta(minutes=4), tick=False):
        claim()
    assert services.requeue_lost_jobs() == 0
    assert Job.objects.get().state == JobState.RUNNING
