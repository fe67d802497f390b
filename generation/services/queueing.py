"""What people do to their own jobs that are in the queue or were."""

import uuid

from django.db import transaction
from django.utils import timezone

from generation import announcements, selectors
from generation.doorbell import after_commit
from generation.models import ACTIVE_STATES, FINISHED_STATES, Job
from generation.services import transitions
from generation.services.reordering import Destination, jobs_reorder
from generation.services.shares import share_refund
from sdweb.accounts import audit, rights
from sdweb.accounts.models import User

TOLD_CLEARED = 100
"""Of the jobs that leave the list, so many of the newest are named to browsers; they show no more."""


def job_cancel(*, user: User, job_id: uuid.UUID, origin: str = "") -> Job:
    """End a job of this person, wherever it is: a worker notices at its next look and stops at the next step.

    Raises ``not_found`` for other people's jobs and ``job_finished`` where there is nothing left to cancel.
    """
    job = selectors.job_get(user=user, job_id=job_id)
    return transitions.CANCEL.require(job, origin=origin)


def job_hold(*, user: User, job_id: uuid.UUID, origin: str = "") -> Job:
    """Keep a waiting job back. Raises ``not_found``, ``job_finished`` and ``wrong_state``."""
    return transitions.HOLD.require(selectors.job_get(user=user, job_id=job_id), origin=origin)


def job_release(*, user: User, job_id: uuid.UUID, origin: str = "") -> Job:
    """Let a held job wait again. Raises as ``job_hold``."""
    return transitions.RELEASE.require(selectors.job_get(user=user, job_id=job_id), origin=origin)


def job_move(*, user: User, job_id: uuid.UUID, where: Destination) -> Job:
    """Give a waiting or held job another place among this person's own; nobody else's place is affected.

    Raises as ``job_hold``, and ``wrong_state`` where the job that it shall come before does not wait.
    """
    job = selectors.job_get(user=user, job_id=job_id)
    jobs_reorder(job, where)
    job.refresh_from_db()
    return job


def job_expedite(*, user: User, job_id: uuid.UUID, origin: str = "") -> Job:
    """Let a waiting job of one's own past everybody's. Raises as ``job_hold``, and ``forbidden``."""
    return _jump(transitions.EXPEDITE, user, job_id, origin=origin)


def job_unexpedite(*, user: User, job_id: uuid.UUID, origin: str = "") -> Job:
    """Take that back. Raises as ``job_expedite``."""
    return _jump(transitions.UNEXPEDITE, user, job_id, origin=origin)


@transaction.atomic
def _jump(transition: transitions.Transition, user: User, job_id: uuid.UUID, *, origin: str) -> Job:
    job = selectors.job_get(user=user, job_id=job_id)
    rights.require(user, rights.MANAGE_QUEUE if user.has_perm(rights.MANAGE_QUEUE) else rights.JUMP_QUEUE)
    transition.require(job, origin=origin)
    audit.record(f"job.{transition.done}", actor=user, target=f"job:{job.pk}", target_name=user.username)
    return job


def jobs_cancel_all(*, user: User) -> int:
    """End everything of this person that is not finished. Returns how many jobs that were."""
    with transaction.atomic():
        # Locked in one order, as in ``jobs_reorder``: two that lock many rows must not wait for each other.
        ids = [
            job.pk
            for job in Job.objects.filter(owner=user, state__in=ACTIVE_STATES)
            .order_by("pk")
            .only("pk")
            .select_for_update()
        ]
        Job.objects.filter(pk__in=ids, state__in=ACTIVE_STATES).update(**transitions.cancelled())
        for job_id in Job.objects.filter(pk__in=ids, charged__gt=0).values_list("pk", flat=True):
            share_refund(job_id)
        if ids:
            after_commit(announcements.jobs_cancelled, ids)
            after_commit(announcements.queue_moved)
    return len(ids)


def jobs_clear_finished(*, user: User) -> int:
    """Take what is finished off this person's list; pictures stay. Returns how many jobs that were.

    The rows go later, with everybody's old ones: until then administrators see what there was.
    """
    finished = Job.objects.filter(owner=user, state__in=FINISHED_STATES, cleared_at=None)
    with transaction.atomic():
        newest = list(finished.order_by("-pk").values_list("pk", flat=True)[:TOLD_CLEARED])
        cleared = finished.update(cleared_at=timezone.now())
        if cleared:
            after_commit(announcements.jobs_cleared, user.pk, newest)
    return cleared
