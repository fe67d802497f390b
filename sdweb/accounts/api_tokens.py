"""``/api/v1/me/tokens``: a person's own keys to the API. For sessions only: a token makes no tokens."""

import uuid
from datetime import datetime
from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field, StringConstraints

from sdweb.accounts import tokens
from sdweb.accounts.models import ApiToken, User
from sdweb.pagination import DEFAULT_LIMIT, MAX_LIMIT, keyset_page

router = Router(tags=["account"])

MAX_DAYS = 3650


class TokenOut(Schema):
    """A token as it is listed: what it may do, and never what it is."""

    id: uuid.UUID
    name: str
    prefix: str
    """It begins with `sdw_<prefix>_`."""
    scopes: list[ApiToken.Scope]
    created_at: datetime
    expires_at: datetime | None
    """Null: never."""
    last_used_at: datetime | None
    """To the minute."""


class NewTokenOut(TokenOut):
    """A token that was just made."""

    token: str
    """The whole of it. It is shown this once."""


class TokenPage(Schema):
    """One page, newest first."""

    items: list[TokenOut]
    next_cursor: str | None


class TokenIn(Schema):
    """What a token is for, and what it may do."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    scopes: Annotated[list[ApiToken.Scope], Field(min_length=1, max_length=len(ApiToken.Scope))]
    expires_in_days: int | None = Field(None, ge=1, le=MAX_DAYS, description="Null: never.")


class TokenFilters(Schema):
    """Which page."""

    cursor: str | None = Field(None, max_length=64, description="`next_cursor` of the page before.")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)


@router.get("", response=TokenPage, operation_id="tokens_list", summary="My API tokens, newest first")
def tokens_list(request: HttpRequest, filters: Annotated[TokenFilters, Query()]) -> TokenPage:
    """Expired ones too, until they are cleaned away."""
    found, next_cursor = keyset_page(
        ApiToken.objects.filter(user=_user(request)), filters.cursor, filters.limit
    )
    return TokenPage(items=[TokenOut.from_orm(token) for token in found], next_cursor=next_cursor)


@router.post("", response={201: NewTokenOut}, operation_id="tokens_create", summary="Make an API token")
def tokens_create(request: HttpRequest, wanted: TokenIn) -> Status[NewTokenOut]:
    """The answer is the only place where the token itself is ever seen."""
    made = tokens.token_create(
        user=_user(request), name=wanted.name, scopes=wanted.scopes, days=wanted.expires_in_days
    )
    shown = TokenOut.from_orm(made.token)
    return Status(201, NewTokenOut(**shown.dict(), token=made.secret))


@router.delete(
    "/{uuid:token_id}", response={204: None}, operation_id="tokens_revoke", summary="Revoke an API token"
)
def tokens_revoke(request: HttpRequest, token_id: uuid.UUID) -> Status[None]:
    """It ends now, and so do its sockets within seconds."""
    tokens.token_revoke(user=_user(request), token_id=token_id)
    return Status(204, None)


def _user(request: HttpRequest) -> User:
    # The API's authentication has let in nobody else.
    return cast("User", request.user)
