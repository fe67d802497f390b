"""The GPU workers, the queue and what gets done, in numbers, for those who look after them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Min, Q
from django.utils import timezone

from gallery.models import Image
from generation import presence
from generation.models import ACTIVE_STATES, Job, JobState, QueueState, Worker
from generation.schemas.workers import FleetErrorOut, FleetOut, FleetQueueOut, FleetRatesOut, WorkerOut
from models_hub.models import ModelFile
from sdweb.accounts import rights
from sdweb.accounts.models import User
from sdweb.ids import uuid7_floor

MAX_WORKERS: Final = 200
MAX_ERRORS: Final = 20
PICTURE_MINUTES: Final = 10
HOUR: Final = timedelta(hours=1)


def require_fleet_visible(user: User) -> None:
    """Raises ``forbidden`` for those who look after nothing."""
    if not user.is_staff and not user.has_perm(rights.MANAGE_QUEUE):
        rights.require(user, rights.SEE_WORKERS)


def fleet_status(*, user: User) -> FleetOut:
    """Everything, in as many queries whatever there is. Raises ``forbidden``."""
    require_fleet_visible(user)
    now = timezone.now()
    rows = list(Worker.objects.order_by("-seen_at")[:MAX_WORKERS])
    workers = sorted(_workers_out(rows, now), key=lambda worker: (not worker.alive, worker.name))
    return FleetOut(
        workers=workers,
        queue=_queue(now),
        rates=_rates(now, [row for row in rows if row.seen_at > now - presence.gone_after()]),
        errors=_errors(now),
    )


def worker_out(row: Worker) -> WorkerOut:
    """One worker."""
    (out,) = _workers_out([row], timezone.now())
    return out


def _workers_out(rows: Sequence[Worker], now: datetime) -> list[WorkerOut]:
    loaded = {digest for row in rows for digest in row.resident}
    found = ModelFile.objects.filter(kind=ModelFile.Kind.CHECKPOINT, sha256__in=loaded) if loaded else ()
    names = {model.sha256: model.name for model in found}
    since = now - presence.gone_after()
    return [_worker_out(row, names, alive=row.seen_at > since) for row in rows]


def _worker_out(row: Worker, names: Mapping[str, str], *, alive: bool) -> WorkerOut:
    return WorkerOut(
        name=row.name,
        host=row.host,
        alive=alive,
        accepts=row.accepts,
        device=row.device,
        device_name=row.device_name,
        memory_total_mb=row.memory_total_mb,
        memory_used_mb=row.memory_used_mb,
        slots=row.slots,
        jobs_running=row.jobs_running if alive else 0,
        jobs_done=row.jobs_done,
        errors=row.errors,
        # A model that has left the library meanwhile has no name any more.
        models=[names.get(digest, digest[:8]) for digest in row.resident] if alive else [],
        loads=row.loads,
        tick_ms=round(row.tick_ms, 1),
        mean_batch=_mean_batch([row]),
        device_seconds=round(row.device_seconds, 1),
        started_at=row.started_at,
        seen_at=row.seen_at,
    )


def _mean_batch(rows: Sequence[Worker]) -> float:
    ticks = sum(row.ticks for row in rows)
    return round(sum(row.rows for row in rows) / ticks, 2) if ticks else 0.0


def _queue(now: datetime) -> FleetQueueOut:
    counts = Job.objects.filter(state__in=ACTIVE_STATES).aggregate(
        **{state: Count("id", filter=Q(state=state)) for state in ACTIVE_STATES},
        oldest=Min("created_at", filter=Q(state=JobState.QUEUED)),
    )
    oldest = counts["oldest"]
    pause = QueueState.objects.filter(paused=True).select_related("changed_by").first()
    return FleetQueueOut(
        waiting=counts[JobState.QUEUED],
        held=counts[JobState.HELD],
        running=counts[JobState.RUNNING],
        oldest_wait_seconds=round((now - oldest).total_seconds(), 1) if oldest else None,
        paused=pause is not None,
        reason=pause.reason if pause else "",
        since=pause.changed_at if pause else None,
        paused_by=pause.changed_by.username if pause and pause.changed_by else None,
    )


def _rates(now: datetime, alive: Sequence[Worker]) -> FleetRatesOut:
    pictures = Image.objects.filter(pk__gte=uuid7_floor(now - timedelta(minutes=PICTURE_MINUTES))).count()
    return FleetRatesOut(
        pictures_per_minute=round(pictures / PICTURE_MINUTES, 1),
        jobs_per_hour=Job.objects.filter(state=JobState.DONE, finished_at__gt=now - HOUR).count(),
        mean_batch=_mean_batch(alive),
    )


def _errors(now: datetime) -> list[FleetErrorOut]:
    failed = Job.objects.filter(state=JobState.FAILED, finished_at__gt=now - HOUR)
    found = failed.values("error__code").annotate(count=Count("id")).order_by("-count", "error__code")
    return [
        FleetErrorOut(code=str(row["error__code"] or "unknown"), count=row["count"])
        for row in found[:MAX_ERRORS]
    ]
