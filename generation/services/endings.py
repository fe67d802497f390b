"""How an attempt ends without pictures: back to the queue, or failed. Used by claims and by recovery."""

import uuid

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from generation import announcements
from generation.doorbell import after_commit, ring
from generation.models import Job, JobState
from generation.services.shares import share_refund
from sdweb.errors import PortalError


def back_to_queue(rows: QuerySet[Job], job_id: uuid.UUID, *, lost: bool) -> bool:
    """Let it wait again if it is still among ``rows``; ``lost`` counts against the job. Returns whether."""
    with transaction.atomic():
        changed = rows.update(
            state=JobState.QUEUED,
            lease_expires_at=None,
            worker="",
            step=0,
            total_steps=0,
            status="",
            lost_attempts=F("lost_attempts") + int(lost),
        )
        if changed:
            share_refund(job_id)
            after_commit(ring)
            after_commit(announcements.job_changed, job_id)
            after_commit(announcements.queue_changed)
    return bool(changed)


def fail(rows: QuerySet[Job], job_id: uuid.UUID, error: PortalError) -> bool:
    """End it with an error, as far as it is still among ``rows``. Returns whether."""
    with transaction.atomic():
        changed = rows.update(
            state=JobState.FAILED,
            finished_at=timezone.now(),
            lease_expires_at=None,
            worker="",
            status="",
            error=error.as_dict(),
        )
        if changed:
            share_refund(job_id)
            after_commit(announcements.job_failed, job_id)
            after_commit(announcements.queue_moved)
    return bool(changed)
