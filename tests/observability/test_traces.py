"""One trace per job, sent to a real collector that decodes OTLP."""

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.utils import timezone
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pytest_django import Settings

from generation import tracing
from generation.models import Job, JobState
from sdweb.accounts.models import User
from sdweb.launcher.machine import free_port

pytestmark = pytest.mark.django_db


class Collector(BaseHTTPRequestHandler):
    """Keeps the spans that are posted to it."""

    spans: list[Span]

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def spans(settings: Settings) -> Iterator[Callable[[], list[Span]]]:
    """What has arrived, after everything was sent."""
    found: list[Span] = []
    handler = type("Own", (Collector,), {"spans": found})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.OTLP_ENDPOINT = f"http://127.0.0.1:{server.server_port}"

    def sent() -> list[Span]:
        tracing.stop()
        return found

    yield sent
    tracing.stop()
    server.shutdown()
    thread.join()
    server.server_close()


def ended(owner: User, state: JobState = JobState.DONE, **values: Any) -> Job:
    created = timezone.now() - timedelta(seconds=60)
    timings = {"waited": 0.1, "loaded": 5.0, "denoised": 20.0, "decoded": 2.0, "stored": 0.5}
    given = {
        "params": {"model": "demo", "width": 512, "height": 768, "steps": 20, "prompt": "zebracorn"},
        "created_at": created,
        "started_at": created + timedelta(seconds=10),
        "finished_at": created + timedelta(seconds=40),
        "timings": timings,
        "attempt": 2,
    }
    return Job.objects.create(owner=owner, state=state, cost_tflop=1, **{**given, **values})


def seconds(span: Span) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def attributes(span: Span) -> dict[str, object]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_job_is_one_trace_with_its_parts(spans: Callable[[], list[Span]], alice: User) -> None:
    job = ended(alice)
    tracing.job_ended(job.pk, worker="gpu0@a")
    found = {span.name: span for span in spans()}
    assert set(found) == {"job", "waited", "loaded", "denoised", "decoded", "stored"}
    assert {uuid.UUID(bytes=span.trace_id) for span in found.values()} == {job.pk}
    root = found.pop("job")
    assert root.parent_span_id == b""
    assert {span.parent_span_id for span in found.values()} == {root.span_id}
    assert seconds(root) == pytest.approx(40, abs=1e-3)
    lengths = {name: round(seconds(span), 3) for name, span in found.items()}
    assert lengths == {"waited": 10, "loaded": 5, "denoised": 20, "decoded": 2, "stored": 0.5}
    order = sorted(found.values(), key=lambda span: span.start_time_unix_nano)
    assert [span.name for span in order] == ["waited", "loaded", "denoised", "decoded", "stored"]
    assert order[-1].end_time_unix_nano == root.end_time_unix_nano
    assert attributes(root) == {
        "job.id": str(job.pk), "user.id": alice.pk, "job.state": "done", "job.task": "txt2img",
        "job.attempt": 2, "job.worker": "gpu0@a", "job.model": "demo", "job.width": 512,
        "job.height": 768, "job.steps": 20,
    }  # fmt: skip


def test_a_failure_is_one(spans: Callable[[], list[Span]], alice: User) -> None:
    job = ended(alice, JobState.FAILED, error={"code": "out_of_memory"}, timings={})
    tracing.job_ended(job.pk, worker="gpu0@a")
    found = {span.name: span for span in spans()}
    assert set(found) == {"job", "waited"}
    assert found["job"].status.code == Status.STATUS_CODE_ERROR
    assert found["job"].status.message == "out_of_memory"


def test_what_goes_on_is_not_told_yet(spans: Callable[[], list[Span]], alice: User) -> None:
    waiting = ended(alice, JobState.QUEUED, finished_at=None)
    tracing.job_ended(waiting.pk, worker="gpu0@a")
    assert spans() == []


def test_without_a_collector_the_worker_goes_on(settings: Settings, alice: User) -> None:
    settings.OTLP_ENDPOINT = f"http://127.0.0.1:{free_port()}"
    tracing.job_ended(ended(alice).pk, worker="gpu0@a")
    tracing.stop()


def test_off_it_costs_nothing(settings: Settings, alice: User, django_assert_num_queries: Any) -> None:
    settings.OTLP_ENDPOINT = ""
    job = ended(alice)
    with django_assert_num_queries(0):
        tracing.job_ended(job.pk, worker="gpu0@a")
    assert tracing._provider is None
