"""What can be asked about jobs, and which styles a person may use."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from generation import prompt_files, scheduling
from generation.engine.prompts import Style
from generation.models import ACTIVE_STATES, FINISHED_STATES, Job, JobState, SavedStyle
from sdweb.accounts.models import User
from sdweb.errors import PortalError, not_found

FORECAST_LIMIT: Final = 500
"""Waiting jobs that are looked at for positions; those behind them are only told that they are further back.
"""
SPEED_SAMPLE: Final = 20
"""Finished jobs that tell how fast the machine is."""


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
    tflops: float | None = None
    """Work done per second, measured on the last jobs; None while there were none."""


def job_get(*, user: User, job_id: uuid.UUID) -> Job:
    """Raises ``not_found`` for what is not this person's."""
    found = Job.objects.filter(pk=job_id, owner=user).first()
    if found is None:
        raise not_found("This job")
    return found


def job_list(*, user: User, state: str | None = None) -> QuerySet[Job]:
    """A person's jobs, newest first; ``state`` is ``active``, ``finished``, one state's name, or None for
    all.
    """
    jobs = Job.objects.filter(owner=user).order_by("-id")
    if not state:
        return jobs
    groups: dict[str, Collection[str]] = {"active": ACTIVE_STATES, "finished": FINISHED_STATES}
    wanted = groups.get(state, (state,) if state in JobState.values else None)
    if wanted is None:
        raise PortalError(
            "invalid_input",
            f"There is no state {state!r}.",
            fields={"state": "active, finished or a state"},
            status=422,
        )
    return jobs.filter(state__in=wanted)


def jobs_active(*, user: User) -> QuerySet[Job]:
    """What a person waits for, oldest first."""
    return Job.objects.filter(owner=user, state__in=ACTIVE_STATES).order_by("id")


def waiting_heads() -> list[Job]:
    """Each person's oldest waiting job: all that a claim has to look at, however long the queue is."""
    waiting = Job.objects.filter(state=JobState.QUEUED)
    oldest = waiting.filter(owner=OuterRef("owner")).order_by("id").values("id")[:1]
    return list(waiting.filter(id=Subquery(oldest)).select_related("model"))


def jobs_are_waiting() -> bool:
    """Whether a worker would find something to do."""
    return Job.objects.filter(state=JobState.QUEUED).exists()


def work_given(*, users: Collection[int], now: datetime) -> tuple[dict[int, float], dict[int, float]]:
    """TFLOP begun for each person within the fair window, and when (epoch seconds) their last job began."""
    begun = Job.objects.filter(
        owner__in=users, started_at__gt=now - timedelta(seconds=scheduling.FAIR_WINDOW)
    ).exclude(state__in=(JobState.QUEUED, JobState.HELD))
    rows = begun.values("owner").annotate(given=Sum("cost_tflop"), last=Max("started_at")).order_by()
    return (
        {row["owner"]: row["given"] for row in rows},
        {row["owner"]: row["last"].timestamp() for row in rows},
    )


def queue_forecast() -> Forecast:
    """Positions and starting times of the waiting jobs: four queries, whatever the number of jobs."""
    rows = list(
        Job.objects.filter(state=JobState.QUEUED)
        .order_by("id")
        .values_list("id", "owner_id", "cost_tflop", "created_at")[:FORECAST_LIMIT]
    )
    tflops = measured_tflops()
    if not rows:
        return Forecast(tflops=tflops)
    waiting = [
        scheduling.Waiting(job_id=job_id, user_id=owner, cost=cost, since=created.timestamp())
        for job_id, owner, cost, created in rows
    ]
    given, _ = work_given(users={job.user_id for job in waiting}, now=timezone.now())
    return Forecast(
        places=_places(scheduling.forecast(waiting, given), ahead=work_remaining(), tflops=tflops),
        tflops=tflops,
    )


def _places(
    order: Sequence[scheduling.Waiting], *, ahead: float, tflops: float | None
) -> dict[uuid.UUID, Place]:
    places = {}
    for position, job in enumerate(order, start=1):
        places[job.job_id] = Place(
            position=position, eta_seconds=round(ahead / tflops, 1) if tflops else None
        )
        ahead += job.cost
    return places


def work_remaining() -> float:
    """TFLOP that the running jobs still need."""
    running = Job.objects.filter(state=JobState.RUNNING).values_list("cost_tflop", "step", "total_steps")
    return sum(cost * (1.0 - (step / total if total else 0.0)) for cost, step, total in running)


def measured_tflops() -> float | None:
    """Work per second over the last finished jobs, those that ran together counted together."""
    last = list(
        Job.objects.filter(state=JobState.DONE, started_at__isnull=False)
        .order_by(F("started_at").desc())
        .values_list("cost_tflop", "started_at", "finished_at")[:SPEED_SAMPLE]
    )
    intervals = [(start.timestamp(), end.timestamp()) for _, start, end in last if start and end]
    seconds = scheduling.busy_seconds(intervals)
    return sum(cost for cost, _, _ in last) / seconds if seconds > 0 else None


# --- Styles ------------------------------------------------------------------------------------------------


def saved_styles(user: User) -> list[SavedStyle]:
    """Everybody's first, then this person's, by name."""
    if not user.is_active:
        return []
    found = SavedStyle.objects.filter(Q(owner=None) | Q(owner=user))
    return sorted(found, key=lambda style: (style.owner_id is not None, style.name.casefold()))


def styles_for(user: User) -> tuple[Style, ...]:
    """What this person may name, each name once: their own before everybody's, those before the file's.

    Raises ``EngineError`` for a file that is no CSV.
    """
    entered = [Style(one.name, one.prompt, one.negative_prompt) for one in saved_styles(user)]
    known = {style.name.casefold(): style for style in (*prompt_files.styles(), *entered)}
    return tuple(known.values())
