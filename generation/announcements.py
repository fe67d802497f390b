"""Tells people what happened to their jobs. Called after the commit; nothing here can undo it."""

import uuid
from typing import Final

from generation import events, publisher
from generation.fair_queue import QUEUE_ORDER
from generation.models import Job, JobState
from generation.presenters import jobs_out
from generation.schemas import ErrorOut, JobOut
from sdweb.errors import PortalError

QUEUE_NEWS: Final = 50
"""Waiting jobs whose owners are told about their new place each time the queue moves."""


def job_changed(job_id: uuid.UUID, *, origin: str = "") -> None:
    """A job has a new state."""
    _tell(job_id, origin=origin)


def job_done(job_id: uuid.UUID) -> None:
    """A job's pictures are stored."""
    if job := _tell(job_id):
        owner, out = job
        events.send_to_user(owner, events.complete_message(out))


def job_failed(job_id: uuid.UUID) -> None:
    """A job ended without pictures."""
    if job := _tell(job_id):
        owner, out = job
        if out.error:  # always, by a constraint of the table
            events.send_to_user(owner, events.error_message(failure(out.error), job_id=job_id))


def job_cancelled(job_id: uuid.UUID, *, origin: str = "") -> None:
    """A job was cancelled by its owner or an administrator."""
    if job := _tell(job_id, origin=origin):
        owner, _ = job
        events.send_to_user(owner, events.error_message(cancelled_error(), job_id=job_id), origin=origin)


def cancelled_error() -> PortalError:
    """What a cancelled job's owner is told, as the predecessor did."""
    return PortalError("cancelled", "The generation was cancelled.", status=409)


def failure(error: ErrorOut) -> PortalError:
    """What a failed job's owner is told."""
    return PortalError(error.code, error.message, hint=error.hint, fields=error.fields)


def queue_moved() -> None:
    """The first people in the queue hear of their new place."""
    waiting = list(Job.objects.filter(state=JobState.QUEUED).order_by(*QUEUE_ORDER)[:QUEUE_NEWS])
    owners = {job.pk: job.owner_id for job in waiting}
    for out in jobs_out(waiting):
        events.send_to_user(owners[out.id], events.job_message(out), key=f"place.{out.id}")


def _tell(job_id: uuid.UUID, *, origin: str = "") -> tuple[int, JobOut] | None:
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return None
    # Progress that still waits to be sent is older than this state.
    publisher.publish_forget(events.progress_key(job_id))
    publisher.publish_forget(f"place.{job_id}")
    (out,) = jobs_out([job])
    events.send_to_user(job.owner_id, events.job_message(out), origin=origin)
    return job.owner_id, out
