"""``/metrics``: for who shows the secret, and what the numbers say."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from generation.models import Job, JobState, QueueState, Worker
from sdweb.accounts.models import User
from sdweb.observability.fleet import FleetCollector
from sdweb.ratelimit.limiter import limiter
from sdweb.ratelimit.rates import Rate

pytestmark = pytest.mark.django_db
SECRET = "the secret of the scraper"


@pytest.fixture
def scraper(settings: Settings) -> Client:
    settings.METRICS_TOKEN = SECRET
    return Client(headers={"Authorization": f"Bearer {SECRET}"})


@pytest.fixture(autouse=True)
def _fresh_limiter() -> Iterator[None]:
    limiter.cache_clear()
    yield
    limiter.cache_clear()


def numbers(client: Client) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def job(owner: User, state: JobState, **values: Any) -> Job:
    now = timezone.now()
    moments = {"created_at": now - timedelta(seconds=40)}
    if state == JobState.RUNNING:
        moments |= {"started_at": now, "lease_expires_at": now + timedelta(seconds=60)}
    if state in {JobState.DONE, JobState.FAILED}:
        moments |= {"started_at": now - timedelta(seconds=20), "finished_at": now}
    return Job.objects.create(owner=owner, state=state, params={}, cost_tflop=1, **{**moments, **values})


def test_without_the_setting_there_is_nothing(anonymous_client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert anonymous_client.get("/metrics").status_code == 404


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer ", f"Basic {SECRET}"])
def test_strangers_are_told_nothing(settings: Settings, admin_client: Client, header: str | None) -> None:
    settings.METRICS_TOKEN = SECRET
    answer = admin_client.get("/metrics", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.content) == (401, b"")


def test_the_queue(scraper: Client, alice: User) -> None:
    for state in (JobState.QUEUED, JobState.QUEUED, JobState.HELD, JobState.RUNNING):
        job(alice, state)
    QueueState.objects.create(paused=True)
    found = numbers(scraper)
    depths = [found["sdweb_queue_jobs", state] for state in ("queued", "held", "running")]
    assert depths == [2, 1, 1]
    assert 40 <= found["sdweb_queue_oldest_wait_seconds",] < 400
    assert found["sdweb_queue_paused",] == 1


def test_the_last_hour(scraper: Client, alice: User) -> None:
    long_ago = timezone.now() - timedelta(hours=2)
    job(alice, JobState.DONE)
    job(alice, JobState.DONE, started_at=long_ago, finished_at=long_ago)
    job(alice, JobState.FAILED, error={"code": "out_of_memory"})
    found = numbers(scraper)
    ended = [found["sdweb_jobs_ended_last_hour", state] for state in ("done", "failed", "cancelled")]
    assert ended == [1, 1, 0]
    assert found["sdweb_job_errors_last_hour", "out_of_memory"] == 1
    waits = [found["sdweb_job_wait_seconds_last_hour_bucket", bound] for bound in ("10.0", "30.0", "+Inf")]
    assert waits == [0, 2, 2]
    assert found["sdweb_job_wait_seconds_last_hour_gsum",] == pytest.approx(40, abs=0.1)


def test_the_workers(scraper: Client) -> None:
    Worker.objects.create(
        name="gpu0@a", ticks=10, rows=40, tick_ms=250, loads=2, memory_used_mb=3, device_seconds=1.5, errors=1
    )
    Worker.objects.create(name="gpu0@b", accepts=False, seen_at=timezone.now() - timedelta(hours=1))
    found = numbers(scraper)
    assert [found["sdweb_worker_up", f"gpu0@{host}"] for host in "ab"] == [1, 0]
    assert [found["sdweb_worker_accepts", f"gpu0@{host}"] for host in "ab"] == [1, 0]
    of_a = {
        "ticks_total": 10, "rows_total": 40, "tick_seconds": 0.25, "model_loads_total": 2,
        "memory_used_bytes": 3 * 2**20, "device_seconds_total": 1.5, "jobs_failed_total": 1,
    }  # fmt: skip
    assert {name: found[f"sdweb_worker_{name}", "gpu0@a"] for name in of_a} == of_a


def test_requests_by_route_and_not_by_id(scraper: Client, alice_client: Client) -> None:
    series = ("sdweb_http_requests_total", "GET", "/api/v1/images/<uuidstr:image_id>", "404")
    before = numbers(scraper).get(series, 0)
    for number in range(3):
        alice_client.get(f"/api/v1/images/0192e4a0-0000-7000-8000-00000000000{number}")
    found = numbers(scraper)
    assert found[series] == before + 3
    assert not any("0192e4a0" in part for name in found for part in name)
    assert found["sdweb_http_request_seconds_count", "GET", "/api/v1/images/<uuidstr:image_id>"] >= 3


def test_refused_ones(scraper: Client, alice_client: Client, settings: Settings) -> None:
    before = numbers(scraper).get(("sdweb_rate_limited_total", "http"), 0)
    settings.RATE_LIMIT = Rate(1, 60)
    for _ in range(3):
        alice_client.get("/api/v1/me")
    assert numbers(scraper)["sdweb_rate_limited_total", "http"] == before + 2


def test_a_scrape_costs_the_same_however_much_there_is(alice: User, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        job(alice, JobState.QUEUED)
        job(alice, JobState.DONE)
    with django_assert_num_queries(5):
        list(FleetCollector().collect())
