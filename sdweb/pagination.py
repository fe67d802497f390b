"""Keyset pagination: page 1,000 costs what page 1 costs, and rows added meanwhile shift nothing."""

import uuid
from typing import Final, TypeVar

from django.db.models import Model, QuerySet

from sdweb.errors import PortalError

DEFAULT_LIMIT: Final = 40
MAX_LIMIT: Final = 100

M = TypeVar("M", bound=Model)


def keyset_page(
    queryset: QuerySet[M], cursor: str | None, limit: int = DEFAULT_LIMIT
) -> tuple[list[M], str | None]:
    """The rows after ``cursor``, newest first, and the cursor of the next page, or None on the last one.

    ``queryset`` must have UUIDv7 primary keys, which sort by time; its own ordering is replaced. ``limit`` is
    clamped to 1..100. Raises ``PortalError("invalid_cursor")``.
    """
    size = max(1, min(limit, MAX_LIMIT))
    rows = queryset.order_by("-pk")
    if cursor:
        rows = rows.filter(pk__lt=_cursor_id(cursor))
    # One row more than asked for tells whether there is a next page, without a COUNT.
    found = list(rows[: size + 1])
    page = found[:size]
    return page, str(page[-1].pk) if len(found) > size else None


def _cursor_id(cursor: str) -> uuid.UUID:
    try:
        return uuid.UUID(cursor)
    except ValueError:
        raise PortalError(
            "invalid_cursor",
            "This cursor is not one that the server gave out.",
            hint="Start again without a cursor.",
            fields={"cursor": "not a cursor"},
            status=422,
        ) from None
