"""What is kept for how long: each app says it for its own rows, beat and ``manage.py retention`` apply it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

BATCH: Final = 500
"""Rows that go in one transaction: others wait no longer than that takes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of thing that goes. Both take the time that counts as now."""

    what: str
    """In words: what goes and where to."""
    due: Callable[[datetime], int]
    """How many would go."""
    apply: Callable[[datetime], int]
    """Let them go, and say how many: doing it twice, also at once, does no more than doing it once."""


def rows_delete(rows: QuerySet[Any], *, oldest: str) -> int:
    """Delete rows in batches, by the field ``oldest``, and say how many."""
    deleted = 0
    while ids := list(rows.order_by(oldest).values_list("pk", flat=True)[:BATCH]):
        # Counted by table: what goes with a row by cascade is not what was asked for.
        _, by_table = rows.filter(pk__in=ids).delete()
        deleted += by_table.get(rows.model._meta.label, 0)
    return deleted
