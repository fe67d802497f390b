"""Jobs, one after another, on one engine."""

import logging
import os
import secrets
import socket
import threading
import time
import uuid
from concurrent.futures import Future, wait
from typing import Final

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connections

from generation import events, presence, publisher, selectors, services, tracing
from generation.batching import batch_key
from generation.engine.errors import EngineError, GenerationCancelled
from generation.engine.spec import GenerationResult, Progress
from generation.engine.step_engine import StepEngine
from generation.orders import portal_error
from generation.services import Claim
from generation.translation import new_images, request_for
from generation.worker.reporting import Reporter
from generation.worker.running import Running
from sdweb.errors import PortalError
from sdweb.observability.context import log_context

logger = logging.getLogger(__name__)

PULSE_SECONDS: Final = 0.25
"""How soon a cancelled job is noticed; the engine then stops it before its next step."""
LAST_TICK_SECONDS: Final = 2.0
"""How long is waited for the engine to let go of a job that is not ours any more, to know what it took."""


class Worker:
    """Runs jobs on one engine until ``stop``."""

    def __init__(self, engine: StepEngine, *, slots: int, place: str = "") -> None:
        """``place`` is the Celery node's name, the same after a restart."""
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"[:120]
        self.place = (place or f"gpu@{socket.gethostname()}")[:100]
        self._engine = engine
        self._slots = slots
        self._permits = threading.BoundedSemaphore(slots)
        self._claiming = threading.Lock()
        """One slot after another asks for a job, so that it knows what the one before is about to load."""
        self._running: dict[uuid.UUID, Running] = {}
        self._reporter = Reporter(engine, place=self.place, process=self.name, slots=slots)
        self._accepts = True
        """Whether it may take jobs, as last heard."""
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
            with log_context(job_id=claim.job.pk, user_id=claim.job.owner_id):
                self._serve(claim)
                tracing.job_ended(claim.job.pk, worker=self.place)
            served += 1
        return served

    def _claim(self) -> Claim | None:
        with self._claiming:
            self._accepts = services.worker_accepts(self.place)
            if not self._accepts:
                return None
            batch_keys = {batch_key(running.claim.job) for running in list(self._running.values())}
            return services.job_claim(
                worker=self.name, place=self.place, resident=self._engine.resident(), running=batch_keys
            )

    def _serve(self, claim: Claim) -> None:
        running = Running(claim=claim, beat_at=time.monotonic())
        self._running[claim.job.pk] = running
        charged = False
        try:
            if self._stopping.is_set():
                # Claimed at the last moment: either this look or the one in stop() sees it.
                self._give_back(running)
                return
            charged = self._run(running)
        except EngineError as error:
            self._fail(claim, portal_error(error, status=500), permanent=error.permanent)
        except PortalError as error:
            self._fail(claim, error, permanent=error.status < 500)
        except (OperationalError, InterfaceError):
            logger.warning("The database went away under job %s.", claim.job.pk, exc_info=True)
            self._give_back_when_possible(running)
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
            self._forget(running)
            if not charged:
                self._charge(running)

    def _give_back_when_possible(self, running: Running) -> None:
        """It is tried anew: as soon as the database is back, or else when its lease has run out."""
        deadline = time.monotonic() + settings.LEASE_SECONDS
        while not self._stopping.is_set() and time.monotonic() < deadline:
            connections.close_all()
            if self._give_back(running):
                return
            self._stopping.wait(1.0)

    def _forget(self, running: Running) -> None:
        """Unless the job came back meanwhile, in a later attempt: then the entry is that one's."""
        if self._running.get(running.claim.job.pk) is running:
            del self._running[running.claim.job.pk]

    def _fail(self, claim: Claim, error: PortalError, *, permanent: bool) -> None:
        if self._stopping.is_set() and not permanent:
            services.job_give_back(claim)
        else:
            services.job_fail(claim, error=error, permanent=permanent)
            self._reporter.count(failed=True)

    def _charge(self, running: Running) -> None:
        """What was used was used, whatever became of it."""
        try:
            services.job_charge(running.claim, seconds=running.use.seconds)
        except Exception:  # the database is away: a present
            logger.warning("Job %s could not be charged.", running.claim.job.pk, exc_info=True)

    def _run(self, running: Running) -> bool:
        """Returns whether the job is done, and charged with it."""
        job = running.claim.job
        request = request_for(job)
        future = self._engine.submit(
            request,
            on_progress=lambda progress: self._on_progress(running, progress),
            is_cancelled=running.stop.is_set,
            wants_preview=lambda: running.watched,
            use=running.use,
        )
        result = self._wait(running, future)
        if result is None:
            return False
        images = new_images(job, request, result)
        timings = result.timings
        done = services.job_finish(
            running.claim,
            images=images,
            timings={
                "waited": round(timings.waited, 3),
                "loaded": round(timings.loaded, 3),
                "denoised": round(timings.denoised, 3),
                "decoded": round(timings.decoded, 3),
                "device": round(timings.device, 3),
            },
        )
        if done:
            self._reporter.count(failed=False)
        return done

    def _wait(self, running: Running, future: "Future[GenerationResult]") -> GenerationResult | None:
        """The result, or None when the job was cancelled, lost or given back: then nobody waits for it any
        more, except for what it took.
        """
        while not running.stop.is_set():
            wait([future], timeout=PULSE_SECONDS)
            if future.done():
                break
        else:
            wait([future], timeout=LAST_TICK_SECONDS)
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
                elif self._reporter.models_changed:
                    self._report()
                if not self._accepts:
                    self._look_whether_resumed()
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
        self._report()
        if self._accepts and selectors.jobs_are_waiting():
            self.wake()

    def _report(self) -> None:
        self._accepts = self._reporter.report(jobs_running=len(self._running))

    def _look_whether_resumed(self) -> None:
        if services.worker_accepts(self.place):
            self._accepts = True
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
            self._leave()
            connections.close_all()
            self._wait_for_slots(timeout / 2)
            self._engine.close(timeout=timeout / 2)
            publisher.background_stop()
            tracing.stop()
            self._stopped = True
        logger.info("Stopped; unfinished jobs are back in the queue.")

    def _wait_for_slots(self, timeout: float) -> None:
        """A job claimed at the last moment is given back by its own slot; that takes an instant."""
        deadline = time.monotonic() + timeout
        for _ in range(self._slots):
            self._permits.acquire(timeout=max(0.0, deadline - time.monotonic()))

    def _leave(self) -> None:
        self._pulse.join(PULSE_SECONDS)  # or it might write once more that we are here
        try:
            self._reporter.leave()
        except Exception:  # then it is missed after a while
            logger.warning("The worker could not say goodbye.", exc_info=True)

    def _give_back(self, running: Running) -> bool:
        """Whether the database took it: otherwise its lease runs out, which costs it an attempt."""
        running.stop.set()
        try:
            services.job_give_back(running.claim)
        except Exception:
            logger.warning("Job %s could not be given back.", running.claim.job.pk, exc_info=True)
            return False
        return True
