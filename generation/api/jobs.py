"""``/api/v1/jobs``."""

import uuid
from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Header, Query, Router, Schema, Status
from pydantic import BaseModel, Field

from generation import selectors, services
from generation.forecasting import Forecast
from generation.models import Job
from generation.presenters import jobs_out
from generation.schemas import GenerateIn, JobOut, JobPage
from generation.schemas.queue import CountOut, MoveIn
from generation.schemas.shorthand import (
    ADETAILER,
    FACE_RESTORATION,
    PREPROCESS,
    UPSCALE,
    DetailImageIn,
    PreprocessIn,
    RestoreFacesIn,
    Shorthand,
    UpscaleImageIn,
)
from sdweb.accounts.models import User
from sdweb.pagination import DEFAULT_LIMIT, MAX_LIMIT, keyset_page

router = Router(tags=["jobs"])

Key = Annotated[str, Header(alias="Idempotency-Key")]


class JobFilters(Schema):
    """Which of my jobs."""

    state: str | None = Field(
        None, max_length=16, description="`active`, `finished`, one state, or nothing for all."
    )
    cursor: str | None = Field(None, max_length=64, description="`next_cursor` of the page before.")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)


@router.post("", response={200: JobOut, 202: JobOut}, operation_id="jobs_submit", summary="Ask for pictures")
def jobs_submit(
    request: HttpRequest,
    params: GenerateIn,
    idempotency_key: Key = "",
) -> Status[JobOut]:
    """202 with the new job; 200 with the earlier one when the `Idempotency-Key` was seen before."""
    return _submitted(
        services.job_submit(user=_user(request), request=params, idempotency_key=idempotency_key)
    )


@router.post(
    "/upscale", response={200: JobOut, 202: JobOut}, operation_id="jobs_upscale", summary="Enlarge a picture"
)
def jobs_upscale(request: HttpRequest, params: UpscaleImageIn, idempotency_key: Key = "") -> Status[JobOut]:
    """A job like any other, of task `upscale`."""
    return _submit(request, UPSCALE, params, idempotency_key)


@router.post(
    "/face_restoration",
    response={200: JobOut, 202: JobOut},
    operation_id="jobs_face_restoration",
    summary="Repaint the faces of a picture",
)
def jobs_face_restoration(
    request: HttpRequest, params: RestoreFacesIn, idempotency_key: Key = ""
) -> Status[JobOut]:
    """A job like any other, of task `face_restoration`."""
    return _submit(request, FACE_RESTORATION, params, idempotency_key)


@router.post(
    "/adetailer",
    response={200: JobOut, 202: JobOut},
    operation_id="jobs_adetailer",
    summary="Find regions of a picture and paint each anew",
)
def jobs_adetailer(request: HttpRequest, params: DetailImageIn, idempotency_key: Key = "") -> Status[JobOut]:
    """A job like any other, of task `adetailer`."""
    return _submit(request, ADETAILER, params, idempotency_key)


@router.post(
    "/preprocess",
    response={200: JobOut, 202: JobOut},
    operation_id="jobs_preprocess",
    summary="Show the map that a control unit would follow",
)
def jobs_preprocess(request: HttpRequest, params: PreprocessIn, idempotency_key: Key = "") -> Status[JobOut]:
    """A job like any other, of task `preprocess`; its picture is left out of the gallery's usual list."""
    return _submit(request, PREPROCESS, params, idempotency_key)


@router.get("", response=JobPage, operation_id="jobs_list", summary="My jobs, newest first")
def jobs_list(request: HttpRequest, filters: Annotated[JobFilters, Query()]) -> JobPage:
    """With their pictures, and with places in the queue for those that wait."""
    jobs, next_cursor = keyset_page(
        selectors.job_list(user=_user(request), state=filters.state), filters.cursor, filters.limit
    )
    return JobPage(items=jobs_out(jobs), next_cursor=next_cursor)


@router.get("/{uuid:job_id}", response=JobOut, operation_id="jobs_get", summary="One job of mine")
def jobs_get(request: HttpRequest, job_id: uuid.UUID) -> JobOut:
    """As it is now."""
    return _shown(selectors.job_get(user=_user(request), job_id=job_id))


@router.post(
    "/{uuid:job_id}/cancel", response=JobOut, operation_id="jobs_cancel", summary="Stop a job of mine"
)
def jobs_cancel(request: HttpRequest, job_id: uuid.UUID) -> JobOut:
    """A running one stops within a step; one that is finished answers 409 `job_finished`."""
    return _shown(services.job_cancel(user=_user(request), job_id=job_id))


@router.post(
    "/{uuid:job_id}/hold", response=JobOut, operation_id="jobs_hold", summary="Keep a job of mine back"
)
def jobs_hold(request: HttpRequest, job_id: uuid.UUID) -> JobOut:
    """One that waits; any other answers 409."""
    return _shown(services.job_hold(user=_user(request), job_id=job_id))


@router.post(
    "/{uuid:job_id}/release",
    response=JobOut,
    operation_id="jobs_release",
    summary="Let a held job wait again",
)
def jobs_release(request: HttpRequest, job_id: uuid.UUID) -> JobOut:
    """One that is held; any other answers 409."""
    return _shown(services.job_release(user=_user(request), job_id=job_id))


@router.post(
    "/{uuid:job_id}/move", response=JobOut, operation_id="jobs_move", summary="Reorder my waiting jobs"
)
def jobs_move(request: HttpRequest, job_id: uuid.UUID, place: MoveIn) -> JobOut:
    """Among my own; nobody else's place is affected."""
    return _shown(services.job_move(user=_user(request), job_id=job_id, where=destination(place)))


@router.post(
    "/{uuid:job_id}/retry",
    response={200: JobOut, 202: JobOut},
    operation_id="jobs_retry",
    summary="Do a failed or cancelled job again",
)
def jobs_retry(request: HttpRequest, job_id: uuid.UUID) -> Status[JobOut]:
    """202 with a new job that takes its place in my list; 200 with the same one when it was retried before.
    409 `input_gone` where a picture that it begins with is not kept any more.
    """
    return _submitted(services.job_retry(user=_user(request), job_id=job_id))


@router.post(
    "/{uuid:job_id}/expedite", response=JobOut, operation_id="jobs_expedite", summary="Let my job go first"
)
def jobs_expedite(request: HttpRequest, job_id: uuid.UUID) -> JobOut:
    """Past everybody's, for those who may."""
    return _shown(services.job_expedite(user=_user(request), job_id=job_id))


@router.post(
    "/{uuid:job_id}/unexpedite", response=JobOut, operation_id="jobs_unexpedite", summary="Take that back"
)
def jobs_unexpedite(request: HttpRequest, job_id: uuid.UUID) -> JobOut:
    """It waits as any other again."""
    return _shown(services.job_unexpedite(user=_user(request), job_id=job_id))


@router.post("/cancel", response=CountOut, operation_id="jobs_cancel_all", summary="Stop all my jobs")
def jobs_cancel_all(request: HttpRequest) -> CountOut:
    """Whatever waits, is held, or runs."""
    return CountOut(count=services.jobs_cancel_all(user=_user(request)))


@router.post("/clear", response=CountOut, operation_id="jobs_clear", summary="Take finished jobs off my list")
def jobs_clear(request: HttpRequest) -> CountOut:
    """Their pictures stay in the gallery."""
    return CountOut(count=services.jobs_clear_finished(user=_user(request)))


def destination(place: MoveIn) -> services.Destination:
    """What the body of a move says."""
    return services.Destination(to=place.to, before=place.before)


def _shown(job: Job, *, forecast: Forecast | None = None) -> JobOut:
    (out,) = jobs_out([job], forecast=forecast)
    return out


def _submit(request: HttpRequest, what: Shorthand, asked: BaseModel, key: str) -> Status[JobOut]:
    whole = what.read(asked.model_dump(exclude_unset=True))
    with what.own_words():
        return _submitted(services.job_submit(user=_user(request), request=whole, idempotency_key=key))


def _submitted(submitted: services.Submitted) -> Status[JobOut]:
    out = _shown(submitted.job, forecast=submitted.forecast)
    return Status(202 if submitted.created else 200, out)


def _user(request: HttpRequest) -> User:
    # The API's authentication has let in nobody else.
    return cast("User", request.user)
