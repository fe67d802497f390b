"""What can be asked about the audit log."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from asgiref.sync import sync_to_async
from django.db.models import QuerySet

from sdweb.accounts.models import AuditEntry, User

COLUMNS: Final = ("at", "action", "actor", "target", "target_name", "via", "address", "details")
CSV_LIMIT: Final = 100_000
CSV_BATCH: Final = 1000
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula: some of these words were chosen by strangers."""


def audit_find(
    *,
    action: str = "",
    actor: str = "",
    target: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """Entries whose action begins with ``action``, by the person of that name, about just that target,
    from ``since`` on and before ``until``. Empty and None: all.
    """
    found = AuditEntry.objects.all()
    if action:
        found = found.filter(action__startswith=action)
    if actor:
        person = User.objects.filter(username=actor).first()
        found = found.filter(actor=person) if person else found.filter(actor_name=actor)
    if target:
        found = found.filter(target=target)
    if since:
        found = found.filter(at__gte=since)
    if until:
        found = found.filter(at__lt=until)
    return found


async def audit_csv(entries: QuerySet[AuditEntry]) -> AsyncIterator[bytes]:
    """A table of the entries, newest first, written piece by piece, ``CSV_LIMIT`` rows at most."""
    yield _csv([COLUMNS])
    cursor, rows = None, 0
    while rows < CSV_LIMIT:
        batch = await sync_to_async(_batch)(entries, cursor)
        if not batch:
            return
        yield _csv([_row(entry) for entry in batch])
        cursor, rows = batch[-1].pk, rows + len(batch)


def _batch(entries: QuerySet[AuditEntry], cursor: object) -> list[AuditEntry]:
    found = entries.order_by("-pk")
    return list((found.filter(pk__lt=cursor) if cursor else found)[:CSV_BATCH])


def _row(entry: AuditEntry) -> tuple[str, ...]:
    details = json.dumps(entry.details, ensure_ascii=False) if entry.details else ""
    cells = (
        entry.at.isoformat(),
        entry.action,
        entry.actor_name,
        entry.target,
        entry.target_name,
        entry.via,
        entry.address or "",
        details,
    )
    return tuple(f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells)


def _csv(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
