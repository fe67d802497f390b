"""What people have used, and what their unfinished jobs will add."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, IntegerField, Q, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from gallery.selectors import images_kept
from generation.fair_queue import paces
from generation.forecasting import predicted_seconds
from generation.models import ACTIVE_STATES, GpuUse, Job, JobState
from sdweb.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """A person's unfinished jobs."""

    waiting: int
    """Held ones included."""
    running: int
    pictures: int
    """What they will add to the gallery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One person's, now."""

    jobs_waiting: int
    jobs_running: int
    gpu_seconds: float
    """Charged since midnight UTC."""
    gpu_seconds_ahead: float
    """Predicted for unfinished jobs."""
    pictures: int
    pictures_ahead: int
    stored_bytes: int
    resets_at: datetime
    """When the day ends."""


def usage_of(user: User, *, now: datetime) -> Usage:
    """Everything, in a fixed number of queries."""
    ahead, promised = jobs_ahead(user), gpu_seconds_ahead(user)
    kept = images_kept(user=user)
    return Usage(
        jobs_waiting=ahead.waiting,
        jobs_running=ahead.running,
        gpu_seconds=gpu_seconds_used(user, now=now),
        gpu_seconds_ahead=promised,
        pictures=kept.count,
        pictures_ahead=ahead.pictures,
        stored_bytes=kept.bytes,
        resets_at=day_end(now),
    )


def jobs_ahead(user: User) -> Ahead:
    """What a person waits for. To be asked *before* what they have: a job that ends in between is then
    counted twice for a moment, and never not at all.
    """
    active = Job.objects.filter(owner=user, state__in=ACTIVE_STATES)
    counted = active.aggregate(
        waiting=Count("pk", filter=~Q(state=JobState.RUNNING)),
        running=Count("pk", filter=Q(state=JobState.RUNNING)),
        pictures=Sum(Cast(KT("params__batch_size"), IntegerField()), default=0),
    )
    with_maps = active.filter(params__control_maps=True).values_list("params__controlnet", flat=True)
    return Ahead(
        waiting=counted["waiting"],
        running=counted["running"],
        pictures=counted["pictures"] + sum(len(units) for units in with_maps),
    )


def gpu_seconds_used(user: User, *, now: datetime) -> float:
    """Charged to a person since midnight UTC."""
    charged = GpuUse.objects.filter(user=user, created_at__gte=day_begin(now))
    seconds: float = charged.aggregate(seconds=Sum("seconds", default=0.0))["seconds"]
    return seconds


def gpu_seconds_ahead(user: User) -> float:
    """Predicted for a person's unfinished jobs, whatever they have done of it; to be asked before
    ``gpu_seconds_used``, see ``jobs_ahead``. Work of which nothing has been measured counts as none.
    """
    active = Job.objects.filter(owner=user, state__in=ACTIVE_STATES)
    kinds = active.values("model__family", "params__width", "params__height").order_by()
    learned = paces()
    return sum(
        predicted_seconds(cost_tflop=cost, family=family or "", width=width, height=height, learned=learned)
        or 0.0
        for family, width, height, cost in kinds.annotate(cost=Sum("cost_tflop")).values_list(
            "model__family", "params__width", "params__height", "cost"
        )
    )


def day_begin(now: datetime) -> datetime:
    """The last midnight UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def day_end(now: datetime) -> datetime:
    """The next midnight UTC."""
    return day_begin(now) + timedelta(days=1)
