"""The rows of the GPU workers: written by the workers, except for the switch that drains one."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from generation import presence
from generation.doorbell import after_commit, ring
from generation.models import Worker
from sdweb.accounts import audit, rights
from sdweb.accounts.models import User
from sdweb.errors import not_found

KEPT: Final = timedelta(days=1)
"""How long the row of a worker that is gone stays, and with it whether it was drained."""

_OWN_FIELDS: Final = [
    field.name for field in Worker._meta.concrete_fields if field.name not in ("name", "accepts", "loaded_at")
]


def worker_report(row: Worker) -> bool:
    """Store what a worker says about itself, in one statement. ``accepts`` is not its own: what an
    administrator chose stays, and so does ``loaded_at``, which claims write.

    Returns whether it may take jobs.
    """
    Worker.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["name"], update_fields=_OWN_FIELDS
    )
    return worker_accepts(row.name)


def worker_accepts(name: str) -> bool:
    """Whether a worker may take jobs; one that nobody has heard of may."""
    return not Worker.objects.filter(pk=name, accepts=False).exists()


def worker_leave(*, name: str, process: str) -> None:
    """A worker stops in order: nobody shall count on it from now on. Its row stays, for the switch.

    Nothing happens where another process has taken the place already.
    """
    Worker.objects.filter(pk=name, process=process).update(
        seen_at=timezone.now() - presence.gone_after(), jobs_running=0, resident=[]
    )


def worker_drain(*, user: User, name: str) -> Worker:
    """Let a worker finish what it has and take nothing more, also after a restart, until ``worker_resume``.

    Raises ``forbidden`` and ``not_found``; a worker that is drained already stays so.
    """
    return _switch(user, name, accepts=False)


def worker_resume(*, user: User, name: str) -> Worker:
    """Let a worker take jobs again; it looks for one at once. Raises as ``worker_drain``."""
    return _switch(user, name, accepts=True)


@transaction.atomic
def _switch(user: User, name: str, *, accepts: bool) -> Worker:
    rights.require(user, rights.MANAGE_QUEUE)
    changed = Worker.objects.filter(pk=name).exclude(accepts=accepts).update(accepts=accepts)
    found = Worker.objects.filter(pk=name).first()
    if found is None:
        raise not_found("This worker")
    if changed:
        action = "worker.resumed" if accepts else "worker.drained"
        audit.record(action, actor=user, target=f"worker:{name}", target_name=name)
        # A resumed worker notices by itself; after a drain, what it leaves alone is for the others.
        after_commit(ring)
    return found


def workers_forget(now: datetime) -> int:
    """Delete the rows of workers that have been gone for a day. Returns how many."""
    return Worker.objects.filter(seen_at__lt=now - KEPT).delete()[0]
