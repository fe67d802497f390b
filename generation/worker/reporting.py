"""What a GPU worker writes about itself into its row."""

import logging
import socket
import threading
from typing import Final

from django.utils import timezone

from generation import services
from generation.engine.spec import DeviceFacts
from generation.engine.step_engine import StepEngine
from generation.models import Worker

logger = logging.getLogger(__name__)

_UNKNOWN: Final = DeviceFacts(device="", name="", memory_total=0, memory_used=0)


class Reporter:
    """Counts what became of the jobs of one process, and keeps its worker's row current. For any thread."""

    def __init__(self, engine: StepEngine, *, place: str, process: str, slots: int) -> None:
        self._engine = engine
        self._place = place
        self._process = process
        self._slots = slots
        self._started_at = timezone.now()
        self._lock = threading.Lock()
        self._done = 0
        self._failed = 0
        self._reported: frozenset[str] = frozenset()

    def count(self, *, failed: bool) -> None:
        """A job has come to its end here."""
        with self._lock:
            self._done += not failed
            self._failed += failed

    @property
    def models_changed(self) -> bool:
        """Whether a checkpoint was loaded or dropped since the last report."""
        return frozenset(self._engine.stats().checkpoints) != self._reported

    def report(self, *, jobs_running: int) -> bool:
        """Write the row. Returns whether the worker may take jobs, see ``Worker.accepts``."""
        stats, facts = self._engine.stats(), self._facts()
        with self._lock:
            done, failed = self._done, self._failed
        row = Worker(
            name=self._place,
            process=self._process,
            host=socket.gethostname()[:100],
            device=facts.device[:32],
            device_name=facts.name[:100],
            memory_total_mb=facts.memory_total >> 20,
            memory_used_mb=facts.memory_used >> 20,
            slots=self._slots,
            jobs_running=jobs_running,
            jobs_done=done,
            resident=list(stats.checkpoints),
            loads=stats.checkpoint_loads,
            ticks=stats.ticks,
            rows=stats.rows_denoised,
            tick_ms=round(stats.tick_ms, 3),
            device_seconds=round(stats.device_seconds, 3),
            errors=failed,
            started_at=self._started_at,
            seen_at=timezone.now(),
        )
        accepts = services.worker_report(row)
        self._reported = frozenset(stats.checkpoints)
        return accepts

    def leave(self) -> None:
        """Say that the process ends."""
        services.worker_leave(name=self._place, process=self._process)

    def _facts(self) -> DeviceFacts:
        try:
            return self._engine.device_facts()
        except RuntimeError as error:  # a driver that does not answer now must not keep the jobs waiting
            logger.warning("The device does not say how it is: %s", error)
            return _UNKNOWN
