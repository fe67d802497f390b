"""Queue, jobs and GPU workers as Prometheus sees them: read from the database when it asks.

Every query has an index: waiting and running jobs are few rows, and of finished ones only the last hour is
looked at. What is counted over that hour is a gauge, since it also goes down.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from generation.models import ACTIVE_STATES, Job, JobState, QueueState, Worker
from generation.presence import gone_after

LOOKED_AT: Final = timedelta(hours=1)
MOST_JOBS: Final = 20_000
"""Of the hour's jobs the newest so many are looked at."""
WAITS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
"""Seconds."""
WORKER_GAUGES: Final[tuple[tuple[str, str, str, float], ...]] = (
    ("jobs_running", "jobs_running", "Jobs in its hands.", 1),
    ("slots", "slots", "Jobs that it may have in its hands.", 1),
    ("memory_used_bytes", "memory_used_mb", "Memory of its device in use.", 2**20),
    ("memory_total_bytes", "memory_total_mb", "Memory of its device.", 2**20),
    ("tick_seconds", "tick_ms", "Mean length of its last denoiser calls.", 0.001),
)
WORKER_COUNTERS: Final = (
    ("jobs_done", "jobs_done", "Jobs done since its process began."),
    ("jobs_failed", "errors", "Jobs failed since its process began."),
    ("model_loads", "loads", "Checkpoints loaded since its process began."),
    ("ticks", "ticks", "Denoiser calls since its process began."),
    ("rows", "rows", "Pictures in those calls; divided by the calls, the batch size."),
    ("device_seconds", "device_seconds", "Seconds its device worked since its process began."),
)


class FleetCollector(Collector):
    """Asked by the registry at every scrape."""

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        yield from _queue()
        yield from _last_hour()
        yield from _workers()


def _queue() -> Iterator[Metric]:
    depth = GaugeMetricFamily("sdweb_queue_jobs", "Jobs that are not finished.", labels=("state",))
    rows = Job.objects.filter(state__in=ACTIVE_STATES).order_by().values("state").annotate(jobs=Count("pk"))
    found = {row["state"]: row["jobs"] for row in rows}
    for state in ACTIVE_STATES:
        depth.add_metric((state.value,), found.get(state.value, 0))
    yield depth
    oldest = Job.objects.filter(state=JobState.QUEUED).aggregate(at=Min("created_at"))["at"]
    waited = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    yield GaugeMetricFamily(
        "sdweb_queue_oldest_wait_seconds", "How long the oldest waiting job waits.", value=max(0.0, waited)
    )
    paused = QueueState.objects.filter(paused=True).exists()
    yield GaugeMetricFamily("sdweb_queue_paused", "1 while no job may begin.", value=float(paused))


def _last_hour() -> Iterator[Metric]:
    ended: Sequence[Any] = list(
        Job.objects.filter(finished_at__gte=timezone.now() - LOOKED_AT)
        .order_by("-finished_at")
        .values_list("state", "created_at", "started_at", "error__code")[:MOST_JOBS]
    )
    results = GaugeMetricFamily(
        "sdweb_jobs_ended_last_hour", "Jobs that ended in the last hour.", labels=("result",)
    )
    counted = Counter(state for state, *_ in ended)
    for state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
        results.add_metric((state.value,), counted[state.value])
    yield results
    errors = GaugeMetricFamily(
        "sdweb_job_errors_last_hour", "Jobs that failed in the last hour, by error.", labels=("code",)
    )
    for code, number in sorted(Counter(str(code) for state, *_, code in ended if state == "failed").items()):
        errors.add_metric((code,), number)
    yield errors
    waits = [(started - created).total_seconds() for _, created, started, _ in ended if started]
    buckets = [(str(bound), sum(wait <= bound for wait in waits)) for bound in WAITS]
    yield GaugeHistogramMetricFamily(
        "sdweb_job_wait_seconds_last_hour",
        "Waits before the last attempt of the jobs that ended in the last hour.",
        buckets=[*buckets, ("+Inf", len(waits))],
        gsum_value=sum(waits),
    )


def _workers() -> Iterator[Metric]:
    workers = list(Worker.objects.all()[:1000])
    alive_since = timezone.now() - gone_after()
    up = GaugeMetricFamily("sdweb_worker_up", "1 for a GPU worker heard of lately.", labels=("worker",))
    accepts = GaugeMetricFamily("sdweb_worker_accepts", "0 while it is drained.", labels=("worker",))
    for worker in workers:
        up.add_metric((worker.name,), float(worker.seen_at > alive_since))
        accepts.add_metric((worker.name,), float(worker.accepts))
    yield from (up, accepts)
    for name, attribute, text, factor in WORKER_GAUGES:
        gauge = GaugeMetricFamily(f"sdweb_worker_{name}", text, labels=("worker",))
        for worker in workers:
            gauge.add_metric((worker.name,), getattr(worker, attribute) * factor)
        yield gauge
    for name, attribute, text in WORKER_COUNTERS:
        counter = CounterMetricFamily(f"sdweb_worker_{name}", text, labels=("worker",))
        for worker in workers:
            counter.add_metric((worker.name,), getattr(worker, attribute))
        yield counter
