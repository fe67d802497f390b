"""What a worker does with jobs: it claims one, keeps its lease alive, and ends it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from gallery.services import NewImage, StoredImage, image_files_discard, image_files_write, images_create
from generation import announcements, fair_queue
from generation.doorbell import after_commit
from generation.fair_queue import Place, View
from generation.models import Job, JobState, Worker
from generation.scheduling import Choice, choose_job
from generation.services.charging import device_seconds, job_charge
from generation.services.endings import back_to_queue, fail
from generation.services.paces import load_learn, pace_learn
from generation.services.shares import share_charge
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
    device: str = ""
    """The maker's name for the worker's device, under which its pace is learned."""
    loads: bool = False
    """Whether a model had to be loaded for it."""

    def mine(self) -> QuerySet[Job]:
        """The row, as long as this claim holds."""
        return Job.objects.filter(
            pk=self.job.pk, state=JobState.RUNNING, attempt=self.attempt, worker=self.worker
        )


def job_claim(
    *, worker: str, place: str = "", resident: Collection[str] = (), running: Collection[str] = ()
) -> Claim | None:
    """Take the job that this worker should run now, or None when nothing waits that it may or should run.

    ``worker`` names the process uniquely, ``place`` its row in ``Worker`` (empty: it has none, and so cannot
    be drained), ``resident`` the models it has loaded and ``running`` the batch keys of its jobs. The claim
    must be kept alive by ``job_heartbeat`` within ``LEASE_SECONDS``.
    """
    asking = Place(process=worker, name=place, resident=resident, running=running)
    for _ in range(CLAIM_TRIES):
        view = fair_queue.view_for(asking)
        choice = choose_job(view.waiting, view.supply) if view else None
        if view is None or choice is None:
            return None
        if claim := _take(choice, view, asking):
            return claim
    return None


def _take(choice: Choice, view: View, asking: Place) -> Claim | None:
    """Begin the job, unless somebody else was first."""
    now = timezone.now()
    with transaction.atomic():
        taken = Job.objects.filter(pk=choice.job.job_id, state=JobState.QUEUED).update(
            state=JobState.RUNNING,
            attempt=F("attempt") + 1,
            worker=asking.process,
            lease_expires_at=now + timedelta(seconds=settings.LEASE_SECONDS),
            started_at=now,
            step=0,
            total_steps=0,
            status="loading",
            charged=choice.charge,
        )
        if not taken:
            return None
        # It locks the owner's share, so that of two workers the second counts the first one's job.
        share_charge(choice)
        if _too_many_run(choice, view):
            transaction.set_rollback(True)
            return None
        if choice.loads and asking.name:
            Worker.objects.filter(pk=asking.name).update(loaded_at=now)
        # In the same transaction: what is read back is what was written.
        mine = Job.objects.select_related("model").get(pk=choice.job.job_id)
        after_commit(announcements.job_changed, mine.pk)
        after_commit(announcements.queue_moved)
    return Claim(
        job=mine, attempt=mine.attempt, worker=asking.process, device=view.device, loads=choice.loads
    )


def _too_many_run(choice: Choice, view: View) -> bool:
    person = view.supply.people[choice.job.user_id]
    if person.most_running is None:
        return False
    running = Job.objects.filter(owner=choice.job.user_id, state=JobState.RUNNING).count()
    return running > person.most_running


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
    Raises ``PortalError("storage_failed")``, then nothing is stored, and Django's errors of a database that
    is away, then files may be left, which are swept later.
    """
    began = timezone.now()
    stored = image_files_write(images=images)
    try:
        seconds = {**timings, "stored": round((timezone.now() - began).total_seconds(), 3)}
        done = _finish(claim, stored, seconds)
    except (OperationalError, InterfaceError):
        # Nobody knows whether it was committed: if it was, the rows need the files; if not, they are swept.
        raise
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
    _learn(claim, timings)
    after_commit(announcements.job_done, job.pk)
    after_commit(announcements.queue_moved)
    return True


def _learn(claim: Claim, timings: dict[str, float]) -> None:
    """How long it took teaches what such work costs and when those who wait will be served."""
    job, kind = claim.job, fair_queue.kind_of_job(claim.job)
    seconds = device_seconds(timings)
    pace_learn(device=claim.device, kind=kind, seconds=seconds, cost_tflop=job.cost_tflop)
    if claim.loads:
        load_learn(device=claim.device, family=kind.family, seconds=timings.get("loaded", 0.0))


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
