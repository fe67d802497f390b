"""What people do to jobs that are in the queue or were: their owners, and whoever manages the queue."""

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from generation import announcements, selectors
from generation.doorbell import after_commit, ring
from generation.models import ACTIVE_STATES, Job, JobState
from generation.services.shares import share_refund
from sdweb.accounts.models import User
from sdweb.errors import PortalError


def job_cancel(*, user: User, job_id: uuid.UUID, origin: str = "") -> Job:
    """End a job of this person, wherever it is: a worker notices at its next look and stops at the next step.

    Raises ``not_found`` for other people's jobs and ``job_finished`` where there is nothing left to cancel.
    """
    job = selectors.job_get(user=user, job_id=job_id)
    changed = _cancel(job.pk, origin=origin)
    job.refresh_from_db()
    if not changed:
        raise PortalError(
            "job_finished", f"This job is {job.get_state_display().lower()} already.", status=409
        )
    return job


def job_cancel_any(*, job_id: uuid.UUID) -> bool:
    """An administrator's cancel. Returns whether there was something to cancel."""
    return _cancel(job_id)


def _cancel(job_id: uuid.UUID, *, origin: str = "") -> bool:
    with transaction.atomic():
        changed = Job.objects.filter(pk=job_id, state__in=ACTIVE_STATES).update(
            state=JobState.CANCELLED, finished_at=timezone.now(), lease_expires_at=None, worker="", status=""
        )
        if changed:
            share_refund(job_id)
            after_commit(announcements.job_cancelled, job_id, origin=origin)
            after_commit(announcements.queue_moved)
    return bool(changed)


def job_hold(*, job_id: uuid.UUID) -> bool:
    """Keep a waiting job back. Returns False where it does not wait."""
    return _move(Q(pk=job_id, state=JobState.QUEUED), job_id, state=JobState.HELD)


def job_release(*, job_id: uuid.UUID) -> bool:
    """Let a held job wait again. Returns False where it is not held."""
    return _move(Q(pk=job_id, state=JobState.HELD), job_id, state=JobState.QUEUED)


def job_requeue(*, job_id: uuid.UUID) -> bool:
    """An administrator's second chance for a failed or cancelled job. Returns False where it is neither."""
    return _move(
        Q(pk=job_id, state__in=(JobState.FAILED, JobState.CANCELLED)),
        job_id,
        state=JobState.QUEUED,
        finished_at=None,
        error=None,
        step=0,
        total_steps=0,
        lost_attempts=0,
        timings={},
    )


def _move(condition: Q, job_id: uuid.UUID, **changes: Any) -> bool:
    with transaction.atomic():
        changed = Job.objects.filter(condition).update(**changes)
        if changed:
            after_commit(announcements.job_changed, job_id)
            after_commit(announcements.queue_moved)
            if changes["state"] == JobState.QUEUED:
                after_commit(ring)
    return bool(changed)
