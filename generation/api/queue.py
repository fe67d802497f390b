"""``/api/v1/queue``: everybody's jobs."""

import uuid
from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from generation import overview, services
from generation.overview import Viewer
from generation.presenters import managed_out
from generation.schemas.queue import ManagedOut, MoveIn, PauseIn, QueueJobPage, QueueOut
from sdweb.accounts.models import User
from sdweb.accounts.origin import current_origin
from sdweb.pagination import DEFAULT_LIMIT, MAX_LIMIT

router = Router(tags=["queue"])

CHANGES = {
    "cancel": services.CANCEL,
    "hold": services.HOLD,
    "release": services.RELEASE,
    "requeue": services.REQUEUE,
    "expedite": services.EXPEDITE,
    "unexpedite": services.UNEXPEDITE,
}
"""What the last part of an address does to somebody's job."""


class QueuePage(Schema):
    """Which part of the queue."""

    cursor: str | None = Field(None, max_length=64, description="`next_cursor` of the page before.")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)


@router.get("", response=QueueOut, operation_id="queue_get", summary="How the queue stands")
def queue_get(request: HttpRequest) -> QueueOut:
    """Whether it is paused, how many jobs wait and run, and how many of mine."""
    return overview.queue_summary(_user(request))


@router.get("/jobs", response=QueueJobPage, operation_id="queue_jobs", summary="Everybody's unfinished jobs")
def queue_jobs(request: HttpRequest, page: Annotated[QueuePage, Query()]) -> QueueJobPage:
    """Those that run, then those that wait in the order that they will start in, then the rest. Of other
    people's jobs the owner, the request and the progress are null for those without the right to see them.
    """
    entries, next_cursor = overview.queue_page(cursor=page.cursor, limit=page.limit)
    viewer = Viewer.of(_user(request), scopes=current_origin.get().scopes)
    return QueueJobPage(items=[viewer.sees(entry) for entry in entries], next_cursor=next_cursor)


@router.post("/pause", response=QueueOut, operation_id="queue_pause", summary="Let nothing new begin")
def queue_pause(request: HttpRequest, pause: PauseIn) -> QueueOut:
    """Running jobs go on. For those who manage the queue."""
    services.queue_pause(user=_user(request), reason=pause.reason)
    return overview.queue_summary(_user(request))


@router.post("/resume", response=QueueOut, operation_id="queue_resume", summary="Let jobs begin again")
def queue_resume(request: HttpRequest) -> QueueOut:
    """For those who manage the queue."""
    services.queue_resume(user=_user(request))
    return overview.queue_summary(_user(request))


@router.post(
    "/jobs/{uuid:job_id}/move",
    response=ManagedOut,
    operation_id="queue_job_move",
    summary="Reorder somebody's waiting jobs",
)
def queue_job_move(request: HttpRequest, job_id: uuid.UUID, place: MoveIn) -> ManagedOut:
    """Among their own. For those who manage the queue."""
    where = services.Destination(to=place.to, before=place.before)
    return managed_out(services.queue_job_move(user=_user(request), job_id=job_id, where=where))


def _change_view(name: str, transition: services.Transition) -> None:
    def view(request: HttpRequest, job_id: uuid.UUID) -> ManagedOut:
        return managed_out(
            services.queue_job_change(user=_user(request), job_id=job_id, transition=transition)
        )

    view.__doc__ = "For those who manage the queue; 409 where the job is in another state."
    router.post(
        f"/jobs/{{uuid:job_id}}/{name}",
        response=ManagedOut,
        operation_id=f"queue_job_{name}",
        summary=f"{name.capitalize()} somebody's job",
    )(view)


for _name, _transition in CHANGES.items():
    _change_view(_name, _transition)


def _user(request: HttpRequest) -> User:
    # The API's authentication has let in nobody else.
    return cast("User", request.user)
