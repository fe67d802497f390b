"""The order of one person's own waiting jobs."""

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.db import transaction

from generation import announcements
from generation.doorbell import after_commit
from generation.models import WAITING_STATES, Job
from generation.services.transitions import refused
from sdweb.errors import PortalError

Place = Literal["first", "last", "up", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a job shall go among its owner's waiting and held ones: exactly one of the two is given."""

    to: Place | None = None
    before: uuid.UUID | None = None
    """The job that it shall come directly before."""


@transaction.atomic
def jobs_reorder(job: Job, where: Destination) -> None:
    """Move a waiting job by exchanging turns: the set of turns stays, so nobody else's place is affected and
    new jobs stay last.

    Raises ``job_finished`` or ``wrong_state`` where it does not wait any more, and ``wrong_state`` for a
    neighbour that does not.
    """
    # Locked in one order: two that move at the same moment must not wait for each other.
    waiting = list(
        Job.objects.filter(owner=job.owner_id, state__in=WAITING_STATES)
        .order_by("pk")
        .only("pk", "turn")
        .select_for_update()
    )
    rows = sorted(waiting, key=lambda one: (one.turn, one.pk))
    turns = _distinct([one.turn for one in rows])
    order = _moved([one.pk for one in rows], job, where)
    by_id = {one.pk: one for one in rows}
    changed = [by_id[pk] for pk, turn in zip(order, turns, strict=True) if by_id[pk].turn != turn]
    if not changed:
        return
    new = dict(zip(order, turns, strict=True))
    for one in changed:
        one.turn = new[one.pk]
    Job.objects.bulk_update(changed, ["turn"], batch_size=200)
    after_commit(announcements.jobs_reordered, job.owner_id, {one.pk: one.turn for one in changed})
    after_commit(announcements.queue_moved)


def _moved(order: list[uuid.UUID], job: Job, where: Destination) -> list[uuid.UUID]:
    if job.pk not in order:
        job.refresh_from_db()
        raise refused(job)
    at = order.index(job.pk)
    rest = [pk for pk in order if pk != job.pk]
    if where.before is not None:
        return _before(rest, job.pk, where.before)
    places = {"first": 0, "last": len(rest), "up": max(0, at - 1), "down": min(len(rest), at + 1)}
    rest.insert(places[where.to or "first"], job.pk)
    return rest


def _before(rest: list[uuid.UUID], job_id: uuid.UUID, neighbour: uuid.UUID) -> list[uuid.UUID]:
    if neighbour not in rest:
        raise PortalError(
            "wrong_state",
            "The job that this one shall come before does not wait.",
            fields={"before": "not a waiting job of the same person"},
            status=409,
        )
    rest.insert(rest.index(neighbour), job_id)
    return rest


def _distinct(turns: Sequence[float]) -> list[float]:
    """The same turns, each at least a hair above the one before: equal ones could not be exchanged."""
    found: list[float] = []
    for turn in turns:
        found.append(max(turn, math.nextafter(found[-1], math.inf)) if found else turn)
    return found
