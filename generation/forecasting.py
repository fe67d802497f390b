"""Where jobs stand in the queue, and when they will begin, from what was learned about the pace of work."""

import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from generation import fair_queue
from generation.begin_times import Slot, begin_times
from generation.models import Job, JobState
from generation.pace import Kind, Paces, kind_of
from generation.scheduling import Supply, Waiting, forecast
from sdweb.accounts.models import User
from sdweb.ids import uuid7

FORECAST_LIMIT: Final = 500
"""Waiting jobs that are looked at for positions; those behind them are only told that they are further back.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a waiting job stands."""

    position: int
    """1 for the next one to start."""
    eta_seconds: float | None
    """Estimated seconds until it starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The whole queue at one moment, asked for once and used for many jobs."""

    places: Mapping[uuid.UUID, Place] = field(default_factory=dict)
    """Of waiting jobs."""
    remaining: Mapping[uuid.UUID, float] = field(default_factory=dict)
    """Estimated seconds until a running job is done."""


def measured_tflops() -> float | None:
    """Predicted work that a GPU does in a second, over all kinds of work; None while nothing is known."""
    return fair_queue.paces().tflops()


def predicted_seconds(
    *, cost_tflop: float, family: str, width: int, height: int, learned: Paces | None = None
) -> float | None:
    """Seconds of a GPU that such a job takes, as learned from others; None while nothing is known.

    ``family`` is a value of ``ModelFile.Family``, empty for a job without a checkpoint.
    """
    kind = kind_of(family=family, width=width, height=height)
    return (learned or fair_queue.paces()).seconds(cost_tflop, kind)


def start_estimate(
    *, user: User, cost_tflop: float, family: str = "", width: int = 0, height: int = 0
) -> Place | None:
    """Where a job submitted now by this person would stand; None when that is beyond what is looked at.

    The arguments are those of ``predicted_seconds``.
    """
    learned = fair_queue.paces()
    kind = kind_of(family=family, width=width, height=height)
    now = time.time()
    job = Waiting(
        job_id=uuid7(),
        user_id=user.pk,
        cost=cost_tflop * learned.correction(kind),
        since=now,
        turn=now,
        seconds=learned.seconds(cost_tflop, kind) or 0.0,
    )
    return _look(learned, [*_waiting(learned), job]).places.get(job.job_id)


def queue_forecast(*, places: bool = True) -> Forecast:
    """Positions and times of all: about ten queries, whatever the number of jobs.

    Without ``places`` only the times of running jobs, which leaves those who wait alone.
    """
    learned = fair_queue.paces()
    return _look(learned, _waiting(learned) if places else [])


def _waiting(learned: Paces) -> list[Waiting]:
    """The first jobs of everybody before the second ones of anybody, as many as are looked at."""
    rank = Window(
        RowNumber(),
        partition_by=F("owner"),
        order_by=fair_queue.QUEUE_ORDER,
    )
    rows = (
        Job.objects.filter(state=JobState.QUEUED)
        .annotate(rank=rank)
        .order_by("rank", "turn", "id")
        # Not whole jobs: this is asked for with every submission, and building 500 of them would be most of
        # what a submission takes.
        .values_list("id", "owner", "cost_tflop", "created_at", "turn", "urgent_at", *_KIND)[:FORECAST_LIMIT]
    )
    pace_of = cache(lambda kind: (learned.correction(kind), learned.seconds(1.0, kind) or 0.0))
    return [_in_order(row, *pace_of(_kind(*row[-len(_KIND) :]))) for row in rows]


_KIND: Final = ("model__family", "params__width", "params__height")


def _kind(family: str | None, width: int | None, height: int | None) -> Kind:
    return kind_of(family=family or "", width=width or 0, height=height or 0)


def _in_order(row: tuple[Any, ...], correction: float, seconds: float) -> Waiting:
    """As much of a job as its place and its time depend on."""
    job_id, owner, cost, created_at, turn, urgent_at, *_ = row
    return Waiting(
        job_id=job_id,
        user_id=owner,
        cost=cost * correction,
        since=created_at.timestamp(),
        turn=turn,
        urgent_at=urgent_at.timestamp() if urgent_at else None,
        seconds=cost * seconds,
    )


def _look(learned: Paces, waiting: Sequence[Waiting]) -> Forecast:
    running = fair_queue.running_jobs()
    remaining = _remaining(running, learned)
    if not waiting:
        return Forecast(remaining=remaining)
    supply = fair_queue.shares({job.user_id for job in waiting}, running)
    order = forecast(waiting, supply)
    if fair_queue.queue_paused() or not all(job.seconds for job in order):
        return Forecast(places=_places([job.job_id for job in order], {}), remaining=remaining)
    slots = _slots(running, remaining, at_once=_at_once(waiting, running, supply))
    times = begin_times(order, slots, _allowances(supply, running, remaining))
    begin_never = [job.job_id for job in order if job.job_id not in times]
    return Forecast(places=_places([*times, *begin_never], times), remaining=remaining)


def _remaining(running: Sequence[Job], learned: Paces) -> dict[uuid.UUID, float]:
    """Jobs of one worker share its GPU."""
    sharing = Counter(job.worker for job in running)
    remaining = {}
    for job in running:
        seconds = fair_queue.seconds_left(job, learned)
        if seconds is not None:
            remaining[job.pk] = round(seconds * sharing[job.worker], 1)
    return remaining


def _at_once(waiting: Sequence[Waiting], running: Sequence[Job], supply: Supply) -> int:
    """How many jobs there can be at the same time, by what people have and by what they may run."""
    jobs = Counter([job.user_id for job in waiting]) + Counter([job.owner_id for job in running])
    most = {user: person.most_running for user, person in supply.people.items()}
    return sum(
        count if (limit := most.get(user)) is None else min(count, limit) for user, count in jobs.items()
    )


def _slots(running: Sequence[Job], remaining: Mapping[uuid.UUID, float], *, at_once: int) -> list[Slot]:
    """Of all live workers; of one, as the settings have it, where none has written itself down."""
    slots = []
    for process, count in _live_slots():
        busy = [remaining.get(job.pk, 0.0) for job in running if job.worker == process or not process]
        idle = max(0, count - len(busy))
        share = max(1, min(count, at_once))
        slots += [Slot(free_in, share) for free_in in [*busy, *[0.0] * idle]]
    return slots


def _live_slots() -> list[tuple[str, int]]:
    rows = [(row.process, max(1, row.slots)) for row in fair_queue.workers_live()]
    return rows or [("", settings.WORKER_SLOTS)]


def _allowances(
    supply: Supply, running: Sequence[Job], remaining: Mapping[uuid.UUID, float]
) -> dict[int, list[float]]:
    """Of those who may run only so many jobs: when each of these places of theirs is free."""
    allowances = {}
    for user, person in supply.people.items():
        if person.most_running is not None:
            busy = sorted(remaining.get(job.pk, 0.0) for job in running if job.owner_id == user)
            idle = [0.0] * max(0, person.most_running - len(busy))
            # Where the limit was lowered meanwhile, the first to end make no room.
            allowances[user] = [*idle, *busy[max(0, len(busy) - person.most_running) :]]
    return allowances


def _places(order: Sequence[uuid.UUID], times: Mapping[uuid.UUID, float]) -> dict[uuid.UUID, Place]:
    """By position, with the times that are known."""
    return {
        job_id: Place(position=position, eta_seconds=round(times[job_id], 1) if job_id in times else None)
        for position, job_id in enumerate(order, start=1)
    }
