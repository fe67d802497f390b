"""Tells people what happened to their jobs. Called after the commit; nothing here can undo it."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from generation import events, overview, presence, publisher
from generation.forecasting import Forecast, queue_forecast
from generation.models import Job, JobState
from generation.presenters import jobs_out
from generation.schemas import ErrorOut, JobOut
from generation.throttle import Throttle
from sdweb.errors import PortalError

QUEUE_NEWS: Final = 50
"""Waiting jobs whose owners are told about their new place each time the queue moves."""


def job_changed(job_id: uuid.UUID, *, origin: str = "", forecast: Forecast | None = None) -> None:
    """A job has a new state; ``forecast`` where the caller has one."""
    _tell_all([job_id], origin=origin, forecast=forecast)


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


def jobs_cancelled(job_ids: Sequence[uuid.UUID]) -> None:
    """Several jobs of one person were cancelled at once."""
    for owner, out in _tell_all(job_ids):
        events.send_to_user(owner, events.error_message(cancelled_error(), job_id=out.id))


def jobs_reordered(owner_id: int, turns: Mapping[uuid.UUID, float]) -> None:
    """Waiting jobs of one person changed places."""
    events.send_to_user(owner_id, events.order_message(turns))


def jobs_cleared(owner_id: int, job_ids: Sequence[uuid.UUID]) -> None:
    """Finished jobs went off a person's list."""
    events.send_to_user(owner_id, events.cleared_message(job_ids))


def queue_moved() -> None:
    """The first people in the queue hear of their new place, and everybody of the numbers; not each time."""
    _places.run()
    _numbers.run()


def queue_changed() -> None:
    """The queue's numbers are others, and nobody's place."""
    _numbers.run()


def _tell_places() -> None:
    forecast = queue_forecast()
    places = forecast.places
    first = sorted(places, key=lambda job_id: places[job_id].position)[:QUEUE_NEWS]
    waiting = list(Job.objects.filter(pk__in=first, state=JobState.QUEUED))
    owners = {job.pk: job.owner_id for job in waiting}
    for out in jobs_out(waiting, forecast=forecast):
        events.send_to_user(owners[out.id], events.job_message(out), key=f"place.{out.id}")


def _tell_numbers() -> None:
    events.send_to_queue(events.queue_message(overview.queue_summary()))
    if presence.queue_is_watched():
        entries, cursor = overview.queue_page(cursor=None, limit=overview.WATCHED)
        events.send_to_watchers([entry.as_dict() for entry in entries], more=cursor is not None)


_places: Final = Throttle(_tell_places)
_numbers: Final = Throttle(_tell_numbers)


def _tell(job_id: uuid.UUID, *, origin: str = "") -> tuple[int, JobOut] | None:
    for told in _tell_all([job_id], origin=origin):
        return told
    return None


def _tell_all(
    job_ids: Sequence[uuid.UUID], *, origin: str = "", forecast: Forecast | None = None
) -> list[tuple[int, JobOut]]:
    jobs = list(Job.objects.filter(pk__in=job_ids).order_by("pk"))
    told = []
    for job, out in zip(jobs, jobs_out(jobs, forecast=forecast), strict=True):
        # Progress that still waits to be sent is older than this state.
        publisher.publish_forget(events.progress_key(job.pk))
        publisher.publish_forget(f"place.{job.pk}")
        events.send_to_user(job.owner_id, events.job_message(out), origin=origin)
        told.append((job.owner_id, out))
    return told
