"""What a worker does with jobs: it claims one, keeps its lease alive, and ends it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from gallery.services import NewImage, StoredImage, image_files_discard, image_files_write, images_create
from generation import announcements, scheduling, selectors
from generation.batching import batch_key
from generation.doorbell import after_commit
from generation.models import Job, JobState
from generation.services.charging import device_seconds, job_charge
from generation.services.endings import back_to_queue, fail
from sdweb.errors import PortalError

CLAIM_TRIES: Final = 5
"""How often a worker looks again when others took the job that it chose."""


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
    job_charge(claim, seconds=device_seconds(timings))
    after_commit(announcements.job_done, job.pk)
    after_commit(announcements.queue_moved)
    return True


def job_fail(claim: Claim, *, error: PortalError, permanent: bool) -> bool:
    """End the job with an error; one that may pass is tried again, as often as a lost job is.

    Returns False when the job was not this worker's any more.
    """
    if not permanent and claim.job.lost_attempts + 1 < settings.MAX_ATTEMPTS:
        return back_to_queue(claim.mine(), claim.job.pk, lost=True)
    return fail(claim.mine(), claim.job.pk, error)


def job_give_back(claim: Claim) -> bool:
    """Return an unfinished job to the queue because this worker stops; it costs the job nothing."""
    return back_to_queue(claim.mine(), claim.job.pk, lost=False)
