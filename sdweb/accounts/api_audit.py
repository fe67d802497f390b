"""``/api/v1/audit``: the audit log, for those who may see it."""

import uuid
from datetime import datetime
from typing import Annotated, Any, cast

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema
from pydantic import AwareDatetime, Field

from sdweb.accounts import rights
from sdweb.accounts.audit_list import audit_csv, audit_find
from sdweb.accounts.models import AuditEntry, User
from sdweb.pagination import DEFAULT_LIMIT, MAX_LIMIT, keyset_page

router = Router(tags=["audit"])


class AuditEntryOut(Schema):
    """One thing that somebody did, or tried to."""

    id: uuid.UUID
    at: datetime
    action: str
    actor: str
    """A user name; empty: nobody, or the portal itself."""
    target: str
    """Kind and id, such as `user:7`."""
    target_name: str
    details: dict[str, Any]
    via: AuditEntry.Via
    address: str | None


class AuditPage(Schema):
    """One page, newest first."""

    items: list[AuditEntryOut]
    next_cursor: str | None


class AuditFilters(Schema):
    """What to show of the log."""

    action: str = Field("", max_length=64, description="The action, or its beginning, such as `signin.`.")
    actor: str = Field("", max_length=150, description="A user name.")
    target: str = Field("", max_length=100, description="Kind and id, such as `user:7`.")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class AuditPageFilters(AuditFilters):
    """What to show, and which page of it."""

    cursor: str | None = Field(None, max_length=64, description="`next_cursor` of the page before.")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)


@router.get("", response=AuditPage, operation_id="audit_list", summary="The audit log, newest first")
def audit_list(request: HttpRequest, filters: Annotated[AuditPageFilters, Query()]) -> AuditPage:
    """For those with the permission to view it."""
    rights.require(_user(request), rights.SEE_AUDIT)
    wanted = filters.dict(exclude={"cursor", "limit"})
    found, next_cursor = keyset_page(audit_find(**wanted), filters.cursor, filters.limit)
    return AuditPage(items=[_out(entry) for entry in found], next_cursor=next_cursor)


@router.get("/csv", operation_id="audit_csv", summary="The audit log as a table", response={200: None})
def audit_download(request: HttpRequest, filters: Annotated[AuditFilters, Query()]) -> StreamingHttpResponse:
    """`text/csv`, newest first, at most 100,000 entries."""
    rights.require(_user(request), rights.SEE_AUDIT)
    response = StreamingHttpResponse(audit_csv(audit_find(**filters.dict())), content_type="text/csv")
    response["Content-Disposition"] = 'attachment; filename="audit.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _out(entry: AuditEntry) -> AuditEntryOut:
    return AuditEntryOut(
        id=entry.pk,
        at=entry.at,
        action=entry.action,
        actor=entry.actor_name,
        target=entry.target,
        target_name=entry.target_name,
        details=entry.details,
        via=AuditEntry.Via(entry.via),
        address=entry.address,
    )


def _user(request: HttpRequest) -> User:
    # The API's authentication has let in nobody else.
    return cast("User", request.user)
