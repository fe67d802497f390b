"""Everything that changes jobs. Each transition is one conditional UPDATE: one row, or somebody else was
there first.
"""

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from gallery.services import NewImage, StoredImage, image_files_discard, image_files_write, images_create
from generation import announcements, scheduling, selectors
from generation.batching import batch_key
from generation.doorbell import after_commit, ring
from generation.models import ACTIVE_STATES, Job, JobState
from generation.orders import Order, order_prepare
from generation.schemas import GenerateIn
from generation.uploads import uploads_discard, uploads_keep
from sdweb.accounts.models import User
from sdweb.errors import PortalError

logger = logging.getLogger(__name__)

MAX_KEY_LENGTH: Final = 200
CLAIM_TRIES: Final = 5
"""How often a worker looks again when others took the job that it chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The job, and whether this call made it or an earlier one with the same key."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker's right to run a job. ``attempt`` and ``worker`` fence it off: writes count only while both
    match.
    """

    job: Job
    attempt: int
    worker: str

    def mine(self) -> QuerySet[Job]:
        """The row, as long as this claim holds."""
        return Job.objects.filter(
            pk=self.job.pk, state=JobState.RUNNING, attempt=self.attempt, worker=self.worker
        )


# --- Submitting ---------------------------------------------------------------------------------------------


def job_submit(*, user: User, request: GenerateIn, idempotency_key: str = "", origin: str = "") -> Submitted:
    """Store the job and ring for it after the commit; the same key gives the same job, however often and from
    wherever.

    ``origin`` is the channel of a socket that tells its client by itself. Raises ``PortalError``, see
    ``order_prepare`` and ``uploads_keep``; then nothing is stored.
    """
    key = _checked_key(idempotency_key)
    if earlier := _submitted_before(user, key):
        return earlier
    order = order_prepare(user=user, request=request)
    job = Job(
        owner=user,
        task=request.task,
        params=order.params.model_dump(mode="json"),
        model=order.model,
        idempotency_key=key,
        cost_tflop=order.cost_tflop,
    )
    try:
        _job_store(job, order, origin=origin)
    except IntegrityError:
        # Two requests with one key at the same moment: the constraint let one of them in.
        if earlier := _submitted_before(user, key):
            return earlier
        raise
    return Submitted(job=job, created=True)


def _job_store(job: Job, order: Order, *, origin: str) -> None:
    """The job and its pictures, or nothing."""
    try:
        with transaction.atomic():
            inputs = uploads_keep(user=job.owner, pictures=order.pictures)
            job.save(force_insert=True)
            job.inputs.set(inputs)
            after_commit(ring)
            after_commit(announcements.job_changed, job.pk, origin=origin)
    except BaseException:
        uploads_discard(order.pictures)
        raise


def _checked_key(key: str) -> str:
    if len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise PortalError(
            "invalid_input",
            f"The idempotency key must be printable and at most {MAX_KEY_LENGTH} characters long.",
            fields={"idempotency_key": "not usable"},
            status=422,
        )
    return key


def _submitted_before(user: User, key: str) -> Submitted | None:
    job = Job.objects.filter(owner=user, idempotency_key=key).first() if key else None
    return Submitted(job=job, created=False) if job else None


# --- What the owner may do ----------------------------------------------------------------------------------


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


# --- What a worker does -------------------------------------------------------------------------------------


def job_claim(*, worker: str, resident: Collection[str] = (), running: Collection[str] = ()) -> Claim | None:
    """Take the job that this worker should run now, or None when nothing waits.

    ``worker`` names the process uniquely, ``resident`` the models it has loaded and ``running`` the batch
    keys of its jobs. The claim must be kept alive by ``job_heartbeat`` within ``LEASE_SECONDS``.
    """
    for _ in range(CLAIM_TRIES):
        heads = {job.pk: job for job in selectors.waiting_heads()}
        choice = _choose(list(heads.values()), resident=resident, running=running)
        if choice is None:
            return None
        if claim := _take(heads[choice.job_id], worker):
            return claim
    return None


def _choose(
    heads: Sequence[Job], *, resident: Collection[str], running: Collection[str]
) -> scheduling.Waiting | None:
    if not heads:
        return None
    now = timezone.now()
    given, last_start = selectors.work_given(users={job.owner_id for job in heads}, now=now)
    supply = scheduling.Supply(
        now=now.timestamp(), given=given, last_start=last_start, resident=resident, running=running
    )
    return scheduling.choose_job([_waiting(job) for job in heads], supply)


def _waiting(job: Job) -> scheduling.Waiting:
    return scheduling.Waiting(
        job_id=job.pk,
        user_id=job.owner_id,
        cost=job.cost_tflop,
        since=job.created_at.timestamp(),
        model=job.model.sha256 if job.model else "",
        batch_key=batch_key(job),
    )


def _take(job: Job, worker: str) -> Claim | None:
    now = timezone.now()
    with transaction.atomic():
        taken = Job.objects.filter(pk=job.pk, state=JobState.QUEUED, attempt=job.attempt).update(
            state=JobState.RUNNING,
            attempt=F("attempt") + 1,
            worker=worker,
            lease_expires_at=now + timedelta(seconds=settings.LEASE_SECONDS),
            started_at=now,
            step=0,
            total_steps=0,
            status="loading",
        )
        if not taken:
            return None
        # In the same transaction: what is read back is what was written.
        mine = Job.objects.select_related("model").get(pk=job.pk)
        after_commit(announcements.job_changed, job.pk)
        after_commit(announcements.queue_moved)
    return Claim(job=mine, attempt=mine.attempt, worker=worker)


def job_heartbeat(claim: Claim, *, step: int = 0, total: int = 0, status: str = "") -> bool:
    """Extend the lease and note the progress, in one UPDATE. False: the job is not this worker's any more,
    stop.
    """
    return bool(
        claim.mine().update(
            lease_expires_at=timezone.now() + timedelta(seconds=settings.LEASE_SECONDS),
            step=min(step, total),
            total_steps=total,
            status=status[:16],
        )
    )


def job_finish(claim: Claim, *, images: Sequence[NewImage], timings: dict[str, float]) -> bool:
    """Store the pictures, then their rows and ``DONE`` together.

    Returns False, and leaves no file behind, when the job was cancelled or given to another worker meanwhile.
    Raises ``PortalError("storage_failed")``; then nothing is stored.
    """
    began = timezone.now()
    stored = image_files_write(images=images)
    try:
        seconds = {**timings, "stored": round((timezone.now() - began).total_seconds(), 3)}
        done = _finish(claim, stored, seconds)
    except BaseException:
        image_files_discard(stored)
        raise
    if not done:
        image_files_discard(stored)
    return done


@transaction.atomic
def _finish(claim: Claim, stored: Sequence[StoredImage], timings: dict[str, float]) -> bool:
    job = claim.job
    done = claim.mine().update(
        state=JobState.DONE,
        finished_at=timezone.now(),
        lease_expires_at=None,
        worker="",
        step=F("total_steps"),
        status="",
        error=None,
        timings={"queued": round(job.waited.total_seconds(), 3), **timings},
    )
    if not done:
        return False
    images_create(owner_id=job.owner_id, job_id=job.pk, task=job.task, stored=stored)
    after_commit(announcements.job_done, job.pk)
    after_commit(announcements.queue_moved)
    return True


def job_fail(claim: Claim, *, error: PortalError, permanent: bool) -> bool:
    """End the job with an error; one that may pass is tried again, as often as a lost job is.

    Returns False when the job was not this worker's any more.
    """
    if not permanent and claim.job.lost_attempts + 1 < settings.MAX_ATTEMPTS:
        return _back_to_queue(claim.mine(), claim.job.pk, lost=True)
    return _fail(claim.mine(), claim.job.pk, error)


def job_give_back(claim: Claim) -> bool:
    """Return an unfinished job to the queue because this worker stops; it costs the job nothing."""
    return _back_to_queue(claim.mine(), claim.job.pk, lost=False)


def _back_to_queue(rows: QuerySet[Job], job_id: uuid.UUID, *, lost: bool) -> bool:
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
            after_commit(ring)
            after_commit(announcements.job_changed, job_id)
    return bool(changed)


def _fail(rows: QuerySet[Job], job_id: uuid.UUID, error: PortalError) -> bool:
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
            after_commit(announcements.job_failed, job_id)
            after_commit(announcements.queue_moved)
    return bool(changed)


# --- Recovery -----------------------------------------------------------------------------------------------


def requeue_lost_jobs() -> int:
    """Give the jobs whose lease ran out to other workers, or up after ``MAX_ATTEMPTS``. Returns how many
    moved.
    """
    lost = Job.objects.filter(state=JobState.RUNNING, lease_expires_at__lt=timezone.now())
    moved = 0
    for job in lost.only("id", "attempt", "lost_attempts", "lease_expires_at", "worker"):
        # Only as it was read: a heartbeat in between has saved it.
        same = Job.objects.filter(
            pk=job.pk, state=JobState.RUNNING, attempt=job.attempt, lease_expires_at=job.lease_expires_at
        )
        logger.warning("Job %s was lost by worker %s in attempt %d.", job.pk, job.worker, job.attempt)
        if job.lost_attempts + 1 >= settings.MAX_ATTEMPTS:
            moved += _fail(same, job.pk, _worker_lost())
        else:
            moved += _back_to_queue(same, job.pk, lost=True)
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
