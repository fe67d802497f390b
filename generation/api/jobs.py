"""``/api/v1/jobs``."""

import uuid
from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Header, Query, Router, Schema, Status
from pydantic import BaseModel, Field

from generation import selectors, services
from generation.presenters import jobs_out
from generation.schemas import GenerateIn, JobOut, JobPage
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
    (out,) = jobs_out([selectors.job_get(user=_user(request), job_id=job_id)])
    return out


@router.post(
    "/{uuid:job_id}/cancel", response=JobOut, operation_id="jobs_cancel", summary="Stop a job of mine"
)
def jobs_cancel(request: HttpRequest, job_id: uuid.UUID) -> JobOut:
    """A running one stops within a step; one that is finished answers 409 `job_finished`."""
    (out,) = jobs_out([services.job_cancel(user=_user(request), job_id=job_id)])
    return out


def _submit(request: HttpRequest, what: Shorthand, asked: BaseModel, key: str) -> Status[JobOut]:
    whole = what.read(asked.model_dump(exclude_unset=True))
    with what.own_words():
        return _submitted(services.job_submit(user=_user(request), request=whole, idempotency_key=key))


def _submitted(submitted: services.Submitted) -> Status[JobOut]:
    (out,) = jobs_out([submitted.job])
    return Status(202 if submitted.created else 200, out)


def _user(request: HttpRequest) -> User:
    # The API's authentication has let in nobody else.
    return cast("User", request.user)
