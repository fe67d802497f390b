"""What those who manage the queue do, to anybody's jobs and to the queue as a whole. All of it is audited."""

import uuid

from django.db import transaction
from django.utils import timezone

from generation import announcements, overview, presence
from generation.doorbell import after_commit, ring
from generation.models import Job, QueueState
from generation.services.reordering import Destination, jobs_reorder
from generation.services.transitions import Transition
from sdweb.accounts import audit, rights
from sdweb.accounts.models import User
from sdweb.errors import not_found


@transaction.atomic
def queue_job_change(*, user: User, job_id: uuid.UUID, transition: Transition) -> Job:
    """Make a transition of somebody's job.

    Raises ``forbidden``, ``not_found``, and ``job_finished`` or ``wrong_state`` where it cannot be made.
    """
    job = _anybodys(user, job_id)
    transition.require(job)
    _record(f"job.{transition.done}", user, job)
    return job


@transaction.atomic
def queue_job_move(*, user: User, job_id: uuid.UUID, where: Destination) -> Job:
    """Give somebody's job another place among its owner's own. Raises as ``queue_job_change``."""
    job = _anybodys(user, job_id)
    jobs_reorder(job, where)
    job.refresh_from_db()
    _record("job.moved", user, job)
    return job


def _anybodys(user: User, job_id: uuid.UUID) -> Job:
    rights.require(user, rights.MANAGE_QUEUE)
    job = Job.objects.select_related("owner").filter(pk=job_id).first()
    if job is None:
        raise not_found("This job")
    return job


def _record(action: str, user: User, job: Job) -> None:
    audit.record(action, actor=user, target=f"job:{job.pk}", target_name=job.owner.username)


@transaction.atomic
def queue_pause(*, user: User, reason: str = "") -> QueueState:
    """Let nothing new begin; what runs goes on. Paused already, it gets the new reason. Raises ``forbidden``.

    ``reason``: up to 200 characters, for everybody to read.
    """
    return _set_paused(user, paused=True, reason=reason.strip())


@transaction.atomic
def queue_resume(*, user: User) -> QueueState:
    """Let jobs begin again. Raises ``forbidden``."""
    return _set_paused(user, paused=False, reason="")


def _set_paused(user: User, *, paused: bool, reason: str) -> QueueState:
    rights.require(user, rights.MANAGE_QUEUE)
    overview.queue_state()  # the row is there from now on
    other = QueueState.objects.exclude(paused=paused, reason=reason)
    changed = other.filter(pk=QueueState.PK).update(
        paused=paused, reason=reason, changed_at=timezone.now(), changed_by=user
    )
    if changed:
        done = "queue.paused" if paused else "queue.resumed"
        audit.record(done, actor=user, target="queue:1", details={"reason": reason} if reason else None)
        after_commit(announcements.queue_changed)
        if not paused:
            after_commit(_ring_everybody)
    return overview.queue_state()


def _ring_everybody() -> None:
    for _ in range(max(1, presence.workers_alive())):
        ring()
