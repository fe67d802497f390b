"""Jobs as their owners see them."""

from collections.abc import Iterable, Sequence

from gallery.api import image_out
from gallery.models import Image
from gallery.selectors import images_of_jobs
from generation.forecasting import Forecast, queue_forecast
from generation.models import Job, JobState
from generation.schemas import ErrorOut, JobOut, Params, ProgressOut
from generation.schemas.queue import ManagedOut


def jobs_out(jobs: Iterable[Job], *, forecast: Forecast | None = None) -> list[JobOut]:
    """A page of jobs with their pictures and places, in a fixed number of queries; ``forecast`` where the
    caller has one.
    """
    rows = list(jobs)
    pictures = images_of_jobs(job.pk for job in rows if job.state == JobState.DONE)
    forecast = forecast or _forecast_for({job.state for job in rows})
    return [job_out(job, forecast=forecast, images=pictures.get(job.pk, ())) for job in rows]


def _forecast_for(states: set[str]) -> Forecast:
    """As much as jobs in these states need."""
    if not states & {JobState.QUEUED, JobState.RUNNING}:
        return Forecast()
    return queue_forecast(places=JobState.QUEUED in states)


def job_out(job: Job, *, forecast: Forecast, images: Sequence[Image] = ()) -> JobOut:
    """One job, without a query of its own."""
    place = forecast.places.get(job.pk) if job.state == JobState.QUEUED else None
    running = job.state == JobState.RUNNING
    return JobOut(
        id=job.pk,
        state=JobState(job.state).value,  # type: ignore[arg-type] # the literals of JobOut are JobState's values
        task=job.task,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        attempt=job.attempt,
        params=Params(**job.params),
        progress=ProgressOut(step=job.step, total=job.total_steps, status=job.status) if running else None,
        position=place.position if place else None,
        turn=job.turn,
        urgent=job.urgent_at is not None,
        eta_seconds=forecast.remaining.get(job.pk) if running else (place.eta_seconds if place else None),
        error=ErrorOut(**job.error) if job.error else None,
        images=[image_out(image) for image in images if image.task == job.task],
        control_maps=[image_out(image) for image in images if image.task != job.task],
    )


def managed_out(job: Job) -> ManagedOut:
    """What whoever manages the queue is told of a job that they changed."""
    return ManagedOut(job_id=job.pk, state=job.state, urgent=job.urgent_at is not None)
