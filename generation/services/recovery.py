"""What beat does: lost jobs and lost doorbells."""

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from generation import selectors
from generation.doorbell import ring
from generation.models import Job, JobState
from generation.services.endings import back_to_queue, fail
from sdweb.errors import PortalError

logger = logging.getLogger(__name__)

CLOCKS_APART: Final = timedelta(minutes=5)
"""How far ahead the clock of a worker's machine may be."""


def requeue_lost_jobs() -> int:
    """Give the jobs whose lease ran out to other workers, or up after ``MAX_ATTEMPTS``. Returns how many
    moved.

    A lease that ends later than any worker could have made it end was made before the clock was set back:
    nobody keeps it alive, or the next heartbeat would have shortened it.
    """
    now = timezone.now()
    endless = now + timedelta(seconds=settings.LEASE_SECONDS) + CLOCKS_APART
    lost = Job.objects.filter(
        Q(lease_expires_at__lt=now) | Q(lease_expires_at__gt=endless), state=JobState.RUNNING
    )
    moved = 0
    for job in lost.only("id", "attempt", "lost_attempts", "lease_expires_at", "worker"):
        # Only as it was read: a heartbeat in between has saved it.
        same = Job.objects.filter(
            pk=job.pk, state=JobState.RUNNING, attempt=job.attempt, lease_expires_at=job.lease_expires_at
        )
        logger.warning("Job %s was lost by worker %s in attempt %d.", job.pk, job.worker, job.attempt)
        if job.lost_attempts + 1 >= settings.MAX_ATTEMPTS:
            moved += fail(same, job.pk, _worker_lost())
        else:
            moved += back_to_queue(same, job.pk, lost=True)
    return moved


def _worker_lost() -> PortalError:
    return PortalError(
        "worker_lost",
        f"The worker stopped without a word, {settings.MAX_ATTEMPTS} times in a row.",
        hint="Try a smaller picture or batch. The administrator finds the reason in the worker's log.",
        status=500,
    )


def ring_for_waiting_jobs() -> bool:
    """Ring once more while jobs wait: a doorbell is lost when Redis is flushed. Returns whether it rang."""
    if not selectors.jobs_are_waiting():
        return False
    ring()
    return True
