"""The queue as a whole: its numbers, and everybody's unfinished jobs in the order that they will start in."""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from generation import presence
from generation.forecasting import Forecast, queue_forecast
from generation.models import ACTIVE_STATES, Job, JobState, QueueState
from generation.schemas import ProgressOut
from generation.schemas.queue import QueueJobOut, QueueMineOut, QueueOut
from sdweb.accounts import rights
from sdweb.accounts.models import ApiToken, User
from sdweb.errors import PortalError

WATCHED: Final = 100
"""Jobs at the front of the queue that its watchers are told about."""
PROMPT_LENGTH: Final = 200
"""Characters of a prompt in everybody's list."""

_CURSOR: Final = re.compile(r"([rh])\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|(q)\.(\d{1,9})")
_STAGES: Final = ("r", "q", "h")
"""Running, waiting with a place, and the rest: held, or too far back for a forecast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One of everybody's jobs: all about it, and whose it is, from which is made what each person may see."""

    job: QueueJobOut
    owner_id: int

    def as_dict(self) -> dict[str, Any]:
        """As it travels between processes; ``entry_from`` is the way back."""
        return {"owner_id": self.owner_id, "job": self.job.model_dump(mode="json")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks at the queue."""

    user_id: int
    sees_all: bool

    @classmethod
    def of(cls, user: User, *, scopes: Collection[str] | None) -> "Viewer":
        """``scopes``: those of the API token that the person asks with, if it is one. Asks the database for
        rights, unless this object of the person has done so before.
        """
        may = user.has_perm(rights.SEE_ALL_JOBS) or user.has_perm(rights.MANAGE_QUEUE)
        return cls(user_id=user.pk, sees_all=may and (scopes is None or ApiToken.Scope.MANAGE in scopes))

    def sees(self, entry: Entry) -> QueueJobOut:
        """The job as this person may see it: of other people's only that there is one."""
        mine = entry.owner_id == self.user_id
        if mine or self.sees_all:
            return entry.job.model_copy(update={"mine": mine})
        hidden = dict.fromkeys(("owner", "task", "prompt", "pictures", "created_at", "progress"))
        return entry.job.model_copy(update=hidden)


def entry_from(data: dict[str, Any]) -> Entry:
    """What ``Entry.as_dict`` made."""
    return Entry(owner_id=data["owner_id"], job=QueueJobOut(**data["job"]))


def queue_state() -> QueueState:
    """The one row; it is made by whoever asks first."""
    row, _ = QueueState.objects.get_or_create(pk=QueueState.PK)
    return row


def queue_summary(user: User | None = None) -> QueueOut:
    """Whether the queue is paused, its numbers, and this person's own."""
    state = queue_state()
    counts = {value: Count("id", filter=Q(state=value)) for value in ACTIVE_STATES}
    mine = {f"my_{value}": Count("id", filter=Q(state=value, owner=user)) for value in ACTIVE_STATES if user}
    found = Job.objects.filter(state__in=ACTIVE_STATES).aggregate(**counts, **mine)
    return QueueOut(
        paused=state.paused,
        reason=state.reason,
        since=state.changed_at if state.paused else None,
        waiting=found["queued"],
        held=found["held"],
        running=found["running"],
        workers=presence.workers_alive(),
        mine=QueueMineOut(waiting=found["my_queued"], held=found["my_held"], running=found["my_running"])
        if user
        else None,
    )


def queue_page(*, cursor: str | None, limit: int) -> tuple[list[Entry], str | None]:
    """Everybody's unfinished jobs: those that run, then those that wait as they will start, then the rest.

    Returns the page and the cursor of the next one, or None on the last. Places move meanwhile, so that a job
    may be met twice or not at all. Raises ``invalid_cursor``.
    """
    stage, after = _stage_of(cursor)
    forecast = queue_forecast()
    found: list[tuple[str, Job]] = []
    for name in _STAGES[_STAGES.index(stage) :]:
        room = limit + 1 - len(found)
        if room > 0:
            found += _stage(name, after if name == stage else None, forecast, room)
    page = found[:limit]
    entries = [_entry(job, forecast) for _, job in page]
    return entries, page[-1][0] if len(found) > limit else None


def _stage_of(cursor: str | None) -> tuple[str, str | None]:
    if not cursor:
        return _STAGES[0], None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise PortalError(
            "invalid_cursor",
            "This cursor is not one that the server gave out.",
            hint="Start again without a cursor.",
            fields={"cursor": "not a cursor"},
            status=422,
        )
    return match[1] or match[3], match[2] or match[4]


def _stage(name: str, after: str | None, forecast: Forecast, room: int) -> list[tuple[str, Job]]:
    if name == "q":
        return _waiting(int(after or 0), forecast, room)
    if name == "r":
        rows = Job.objects.filter(state=JobState.RUNNING)
    else:
        further_back = Q(state=JobState.QUEUED) & ~Q(pk__in=list(forecast.places))
        rows = Job.objects.filter(Q(state=JobState.HELD) | further_back)
    return [(f"{name}.{job.pk}", job) for job in _by_id(rows, after, room)]


def _by_id(rows: QuerySet[Job], after: str | None, room: int) -> list[Job]:
    if after:
        rows = rows.filter(pk__gt=uuid.UUID(after))
    return list(rows.select_related("owner").order_by("pk")[:room])


def _waiting(after: int, forecast: Forecast, room: int) -> list[tuple[str, Job]]:
    places = sorted(
        (place.position, job_id) for job_id, place in forecast.places.items() if place.position > after
    )[:room]
    ids = [job_id for _, job_id in places]
    jobs = Job.objects.select_related("owner").filter(state=JobState.QUEUED).in_bulk(ids)
    return [(f"q.{position}", jobs[job_id]) for position, job_id in places if job_id in jobs]


def _entry(job: Job, forecast: Forecast) -> Entry:
    place = forecast.places.get(job.pk) if job.state == JobState.QUEUED else None
    running = job.state == JobState.RUNNING
    return Entry(
        owner_id=job.owner_id,
        job=QueueJobOut(
            id=job.pk,
            state=job.state,  # type: ignore[arg-type] # unfinished ones have just these
            position=place.position if place else None,
            eta_seconds=forecast.remaining.get(job.pk) if running else (place.eta_seconds if place else None),
            urgent=job.urgent_at is not None,
            mine=False,
            owner=job.owner.username,
            task=job.task,
            prompt=str(job.params.get("prompt", ""))[:PROMPT_LENGTH],
            pictures=job.params.get("batch_size"),
            created_at=job.created_at,
            progress=ProgressOut(step=job.step, total=job.total_steps, status=job.status)
            if running
            else None,
        ),
    )
