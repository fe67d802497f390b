"""The GPU worker: the one bridge between the queue and the engine. Only GPU worker processes import it.

Threads of such a process:

- *Celery's threads* hear the doorbells. They only open a slot and go on: a message that is held while a
  picture is made would be unacknowledged when Redis goes away, and kombu 5.7 then fails to restore it and
  takes the whole worker down. The claim's lease does what the late acknowledgement was for.
- *Slots*, ``WORKER_SLOTS`` of them: claim, hand to the engine, wait, store, finish, until nothing waits.
- *The pulse* keeps every lease alive, notices cancelled and lost jobs within ``PULSE_SECONDS``, and every
  ``RECOVERY_SECONDS`` looks into the queue by itself. So a flushed Redis, or a consumer that silently stops
  after a reconnect (celery #8030), costs seconds of waiting and never a job.
- *The engine's thread* owns the device. It never touches the database or Redis: it leaves progress in
  memory, from where the *publisher's thread* sends the newest.
"""

import atexit
import logging
import os
import secrets
import socket
import threading
import time
import uuid
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Final

from celery import signals
from django.conf import settings
from django.db import close_old_connections, connections

from generation import events, presence, publisher, selectors, services
from generation.batching import batch_key
from generation.engine.errors import EngineError, GenerationCancelled
from generation.engine.spec import (
    MAX_SIDE,
    EngineConfig,
    GenerationRequest,
    GenerationResult,
    ModelRef,
    Progress,
    config_for,
)
from generation.engine.step_engine import StepEngine
from generation.orders import portal_error
from generation.services import Claim
from generation.translation import new_images, request_for
from models_hub.models import ModelFile
from models_hub.selectors import helpers_path, models_usable
from models_hub.services import model_path
from sdweb.errors import PortalError

logger = logging.getLogger(__name__)

PULSE_SECONDS: Final = 0.25
"""How soon a cancelled job is noticed; the engine then stops it before its next step."""


@dataclass(eq=False)
class Running:
    """A job in this process. Each field has one writer; the others read what is there."""

    claim: Claim
    stop: threading.Event = field(default_factory=threading.Event)
    """Set by the pulse when the job is not ours any more; the engine asks it before every step."""
    progress: Progress | None = None
    """The newest, from the engine's thread."""
    phase: tuple[str, int] = ("", 0)
    """What the engine does, and of how many steps: a pass, an upscaler's tiles."""
    phase_since: float = 0.0
    first_step: int = 0
    watched: bool = True
    beat_at: float = 0.0

    def eta_seconds(self, progress: Progress, now: float) -> float | None:
        """From the pace of the steps so far in the phase that this report belongs to."""
        phase = (progress.status, progress.total)
        if phase != self.phase:
            self.phase, self.phase_since, self.first_step = phase, now, progress.step
        done = progress.step - self.first_step
        if done <= 0:
            return None
        return round((now - self.phase_since) / done * (progress.total - progress.step), 1)


class Worker:
    """Runs jobs on one engine until ``stop``."""

    def __init__(self, engine: StepEngine, *, slots: int) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"[:120]
        self._engine = engine
        self._slots = slots
        self._permits = threading.BoundedSemaphore(slots)
        self._running: dict[uuid.UUID, Running] = {}
        self._stopping = threading.Event()
        self._stop_lock = threading.Lock()
        self._stopped = False
        publisher.background_start()
        self._pulse = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._pulse.start()

    # --- Serving -----------------------------------------------------------------------------------------

    def wake(self) -> bool:
        """Open a slot for whatever waits. Returns at once; False when all are open or the worker stops."""
        if self._stopping.is_set() or not self._permits.acquire(blocking=False):
            return False  # whoever is in a slot looks for more before leaving it
        threading.Thread(target=self._slot, name="slot", daemon=True).start()
        return True

    def _slot(self) -> None:
        try:
            self.serve()
        except Exception:  # the database is away, or something nobody thought of: the pulse opens another
            logger.exception("A slot was closed.")
        finally:
            self._permits.release()
            connections.close_all()

    def serve(self) -> int:
        """Run what waits, one job after another, until nothing does. Returns how many there were."""
        served = 0
        while not self._stopping.is_set() and (claim := self._claim()) is not None:
            # Where one waits there may be more: one doorbell is enough for the whole queue.
            self.wake()
            self._serve(claim)
            served += 1
        return served

    def _claim(self) -> Claim | None:
        batch_keys = {batch_key(running.claim.job) for running in list(self._running.values())}
        return services.job_claim(worker=self.name, resident=self._engine.resident(), running=batch_keys)

    def _serve(self, claim: Claim) -> None:
        running = Running(claim=claim, beat_at=time.monotonic())
        self._running[claim.job.pk] = running
        try:
            if self._stopping.is_set():
                # Claimed at the last moment: either this look or the one in stop() sees it.
                self._give_back(running)
                return
            self._run(running)
        except EngineError as error:
            self._fail(claim, portal_error(error, status=500), permanent=error.permanent)
        except PortalError as error:
            self._fail(claim, error, permanent=error.status < 500)
        except Exception:
            logger.exception("Job %s failed.", claim.job.pk)
            failure = PortalError(
                "internal_error",
                "The server failed to make this picture.",
                hint="Try again; the administrator finds the reason in the worker's log.",
                status=500,
            )
            self._fail(claim, failure, permanent=True)
        finally:
            self._running.pop(claim.job.pk, None)

    def _fail(self, claim: Claim, error: PortalError, *, permanent: bool) -> None:
        if self._stopping.is_set() and not permanent:
            services.job_give_back(claim)
        else:
            services.job_fail(claim, error=error, permanent=permanent)

    def _run(self, running: Running) -> None:
        job = running.claim.job
        request = request_for(job)
        future = self._engine.submit(
            request,
            on_progress=lambda progress: self._on_progress(running, progress),
            is_cancelled=running.stop.is_set,
            wants_preview=lambda: running.watched,
        )
        result = self._wait(running, future)
        if result is None:
            return
        images = new_images(job, request, result)
        timings = result.timings
        services.job_finish(
            running.claim,
            images=images,
            timings={
                "waited": round(timings.waited, 3),
                "loaded": round(timings.loaded, 3),
                "denoised": round(timings.denoised, 3),
                "decoded": round(timings.decoded, 3),
            },
        )

    def _wait(self, running: Running, future: "Future[GenerationResult]") -> GenerationResult | None:
        """The result, or None when the job was cancelled, lost or given back: then nobody waits for it any
        more.
        """
        while not running.stop.is_set():
            wait([future], timeout=PULSE_SECONDS)
            if future.done():
                break
        try:
            return None if running.stop.is_set() else future.result()
        except GenerationCancelled:
            return None

    def _on_progress(self, running: Running, progress: Progress) -> None:
        """On the engine's thread: memory only."""
        now = time.monotonic()
        running.progress = progress
        job = running.claim.job
        if running.stop.is_set():
            return
        message = events.progress_message(
            job.pk,
            step=progress.step,
            total=progress.total,
            status=progress.status,
            eta_seconds=running.eta_seconds(progress, now),
        )
        events.send_to_user(job.owner_id, message, preview=progress.preview, key=events.progress_key(job.pk))

    # --- The pulse ------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        looked_at = float("-inf")
        while not self._stopping.wait(PULSE_SECONDS):
            try:
                for running in list(self._running.values()):
                    self._look_after(running)
                if time.monotonic() - looked_at >= settings.RECOVERY_SECONDS:
                    looked_at = time.monotonic()
                    self._look_into_queue()
            except Exception:  # the database is away: the leases wait, and so do the jobs
                logger.warning("The pulse missed a beat.", exc_info=True)
                connections.close_all()
        connections.close_all()

    def _look_after(self, running: Running) -> None:
        if running.stop.is_set():
            return
        if time.monotonic() - running.beat_at >= settings.HEARTBEAT_SECONDS:
            progress = running.progress
            alive = services.job_heartbeat(
                running.claim,
                step=progress.step if progress else 0,
                total=progress.total if progress else 0,
                status=progress.status if progress else "loading",
            )
            running.beat_at = time.monotonic()
            running.watched = presence.is_watching(running.claim.job.owner_id)
        else:
            # Between two heartbeats only look, which costs no write.
            alive = running.claim.mine().exists()
        if not alive:
            running.stop.set()

    def _look_into_queue(self) -> None:
        close_old_connections()
        presence.worker_seen(self.name)
        if selectors.jobs_are_waiting():
            self.wake()

    # --- Stopping ----------------------------------------------------------------------------------------

    @property
    def stopped(self) -> bool:
        """Whether ``stop`` has finished its work."""
        return self._stopped

    def stop(self, timeout: float = 5.0) -> None:
        """Claim no more, give the running jobs back to the queue, end the engine.

        Callable from any thread, and more than once. Waits up to ``timeout`` seconds for what runs.
        """
        with self._stop_lock:  # whoever comes second waits for the first
            if self._stopped:
                return
            self._stopping.set()
            for running in list(self._running.values()):
                self._give_back(running)
            connections.close_all()
            self._wait_for_slots(timeout / 2)
            self._engine.close(timeout=timeout / 2)
            publisher.background_stop()
            self._stopped = True
        logger.info("Stopped; unfinished jobs are back in the queue.")

    def _wait_for_slots(self, timeout: float) -> None:
        """A job claimed at the last moment is given back by its own slot; that takes an instant."""
        deadline = time.monotonic() + timeout
        for _ in range(self._slots):
            self._permits.acquire(timeout=max(0.0, deadline - time.monotonic()))

    def _give_back(self, running: Running) -> None:
        running.stop.set()
        try:
            services.job_give_back(running.claim)
        except Exception:  # then its lease runs out, which costs it an attempt
            logger.warning("Job %s could not be given back.", running.claim.job.pk, exc_info=True)


# --- The process's worker -----------------------------------------------------------------------------------

_worker: Worker | None = None
_lock = threading.Lock()


def engine_config() -> EngineConfig:
    """From the settings; nothing else of the engine reads them."""
    return config_for(
        settings.PRESET,
        **settings.ENGINE_SWITCHES,
        device=settings.DEVICE,
        precision=settings.PRECISION,
        min_bucket=settings.MIN_BUCKET,
        preview_interval=settings.PREVIEW_INTERVAL,
        cache_bytes=settings.MODEL_CACHE_MB * 2**20,
        helpers=helpers_path(),
    )


def warm_up(engine: StepEngine) -> None:
    """Let the engine load the default model and compile it before anybody waits for that, for one picture and
    for several: those are the two graphs there are. Fails quietly: the first job then says what is wrong.
    """
    model = next(iter(models_usable(kind=ModelFile.Kind.CHECKPOINT)), None)
    if model is None:
        return
    ref = ModelRef(path=model_path(model), digest=model.sha256, name=model.name)
    side = min(model.native_size, MAX_SIDE)
    for pictures in (1, 2):
        engine.submit(
            GenerationRequest(
                checkpoint=ref, prompt="", width=side, height=side, steps=1, batch_size=pictures
            )
        )


def worker_get() -> Worker:
    """The worker of this process, made when first asked for: after any fork, in the process that will use the
    device.
    """
    global _worker  # noqa: PLW0603 - one device, one owner
    with _lock:
        if _worker is None:
            config = engine_config()
            engine = StepEngine(config)
            if config.compile:
                warm_up(engine)
            _worker = Worker(engine, slots=settings.WORKER_SLOTS)
        return _worker


def worker_stop() -> None:
    """Stop this process's worker, if there is one."""
    if _worker is not None:
        _worker.stop()


def serve_next() -> None:
    """What a doorbell calls: it opens a slot, in which the next job is claimed and run."""
    worker_get().wake()


def worker_begin() -> None:
    """Start this process's worker and follow the life of the Celery worker that it is."""
    signals.worker_shutting_down.connect(_on_shutting_down, weak=False)
    signals.worker_shutdown.connect(_on_shutdown, weak=False)
    atexit.register(_leave_at_once)
    worker_get()


def _on_shutting_down(**_kwargs: object) -> None:
    # Called in a signal handler of the main thread, which must not wait for a lock: another thread does it.
    threading.Thread(target=worker_stop, name="worker-stop").start()


def _leave_at_once() -> None:
    """Once all is stopped, skip the interpreter's own end: PyTorch's libraries take seconds to unload."""
    if _worker is not None and _worker.stopped:
        logging.shutdown()
        os._exit(0)


def _on_shutdown(**_kwargs: object) -> None:
    # Also reached when Celery gives up by itself, without a signal.
    worker_stop()
