"""One trace per job, sent by OpenTelemetry where ``SDWEB_OTLP_ENDPOINT`` says so.

The worker that saw a job's end writes the whole trace from the row: the times stand there, so nothing has
to be carried from process to process, and a trace cannot miss its beginning. Its id is the job's id; whoever
knows the job finds the trace. The packages are imported with the first trace: without the setting they cost
nothing.
"""

import logging
import threading
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings

from generation.models import FINISHED_STATES, Job, JobState

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.trace import Tracer

logger = logging.getLogger(__name__)

PARTS: Final = ("loaded", "denoised", "decoded", "stored")
"""The parts of an attempt in their order; the row's timings have their seconds."""

_provider: "TracerProvider | None" = None
_lock = threading.Lock()


def trace_id_of(job_id: uuid.UUID) -> int:
    """128 bits, as the job's id."""
    return job_id.int


def job_ended(job_id: uuid.UUID, *, worker: str) -> None:
    """Send the job's trace if it is over by now; ``worker`` is the place that ran it.

    Never raises: a trace is worth no picture.
    """
    if not settings.OTLP_ENDPOINT:
        return
    try:
        job = Job.objects.select_related("model").filter(pk=job_id, state__in=FINISHED_STATES).first()
        if job is not None:
            _write(_tracer(), job, worker)
    except Exception:
        logger.warning("The trace of job %s could not be written.", job_id, exc_info=True)


def stop() -> None:
    """Send what still waits, and end the exporter's thread."""
    global _provider  # noqa: PLW0603 - one exporter for the process
    with _lock:
        if _provider is not None:
            _provider.shutdown()
        _provider = None


def _tracer() -> "Tracer":
    global _provider  # noqa: PLW0603 - one exporter for the process
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    with _lock:
        if _provider is None:
            exporter = OTLPSpanExporter(endpoint=f"{settings.OTLP_ENDPOINT}/v1/traces", timeout=10)
            _provider = TracerProvider(
                resource=Resource.create({"service.name": "sdweb"}), id_generator=_id_generator()
            )
            _provider.add_span_processor(BatchSpanProcessor(exporter))
        return _provider.get_tracer("sdweb")


_next_trace = threading.local()


def _id_generator() -> "IdGenerator":
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class JobIds(RandomIdGenerator):
        """A root span's trace has the job's id; spans have random ones."""

        def generate_trace_id(self) -> int:
            return int(_next_trace.value)

    return JobIds()


def _write(tracer: "Tracer", job: Job, worker: str) -> None:
    from opentelemetry.trace import Status, StatusCode, set_span_in_context

    assert job.finished_at is not None  # noqa: S101 - finished ones have it, says a constraint
    _next_trace.value = trace_id_of(job.pk)
    root = tracer.start_span(
        "job", attributes=_attributes(job, worker), start_time=_nanoseconds(job.created_at)
    )
    if job.state == JobState.FAILED:
        root.set_status(Status(StatusCode.ERROR, str((job.error or {}).get("code", ""))))
    context = set_span_in_context(root)
    for name, begin, end in _parts(job):
        part = tracer.start_span(name, context=context, start_time=_nanoseconds(begin))
        part.end(end_time=_nanoseconds(end))
    root.end(end_time=_nanoseconds(job.finished_at))


def _parts(job: Job) -> list[tuple[str, datetime, datetime]]:
    """Name, begin and end of each part: back from the end, where the last one is known to have ended."""
    if job.started_at is None or job.finished_at is None:
        return []
    found = []
    end = job.finished_at
    for name in reversed(PARTS):
        seconds = float(job.timings.get(name, 0.0))
        if seconds > 0:
            begin = max(job.started_at, end - timedelta(seconds=seconds))
            found.append((name, begin, end))
            end = begin
    return [("waited", job.created_at, job.started_at), *reversed(found)]


def _attributes(job: Job, worker: str) -> dict[str, str | int]:
    params = job.params
    return {
        "job.id": str(job.pk),
        "user.id": job.owner_id,
        "job.state": str(job.state),
        "job.task": job.task,
        "job.attempt": job.attempt,
        "job.worker": worker,
        "job.model": str(params.get("model") or ""),
        "job.width": int(params.get("width") or 0),
        "job.height": int(params.get("height") or 0),
        "job.steps": int(params.get("steps") or 0),
    }


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6) * 1000
