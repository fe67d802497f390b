"""Continuous batching: every running request shares the device, step by step.

One thread owns the device. It goes round and round: take in new requests, drop cancelled ones, go on with the
scripts that have what they waited for (``scripts``), make one denoiser call (a *tick*) for one group of rows,
give one script a turn for other work on the device, such as decoding. Requests join and leave between ticks,
and a request's failure ends that request only.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Final

import torch

from generation.engine.conditioning import Conditioner
from generation.engine.devices import device_facts, device_resolve, dtype_resolve
from generation.engine.errors import EngineError
from generation.engine.metering import meter_for
from generation.engine.model_cache import ModelCache
from generation.engine.placement import Placement
from generation.engine.rows import BUCKETS
from generation.engine.run import Run
from generation.engine.scripts import Desk, Want, script_for
from generation.engine.spec import (
    DeviceFacts,
    DeviceUse,
    EngineConfig,
    EngineStats,
    GenerationResult,
    Predicate,
    ProgressCallback,
    Request,
)
from generation.engine.ticker import Ticker

logger = logging.getLogger(__name__)


class StepEngine:
    """The engine of one process and one device. Its methods may be called from any thread.

    Raises ``EngineError`` with code ``invalid_config`` or ``device_missing`` for a configuration that
    cannot work.
    """

    def __init__(self, config: EngineConfig) -> None:
        for name, value in (("max_rows", config.max_rows), ("min_bucket", config.min_bucket)):
            if not 1 <= value <= BUCKETS[-1]:
                raise EngineError(
                    "invalid_config", f"{name} must be between 1 and {BUCKETS[-1]}, not {value}."
                )
        self._config = config
        self._device = device_resolve(config.device)
        self._wake = threading.Condition()
        self._inbox: deque[Run] = deque()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._floor: _Floor | None = None

    def submit(
        self,
        request: Request,
        *,
        on_progress: ProgressCallback | None = None,
        is_cancelled: Predicate | None = None,
        wants_preview: Predicate | None = None,
        use: DeviceUse | None = None,
    ) -> "Future[GenerationResult]":
        """Take the request in and return at once.

        The callbacks run on the device thread and must return at once; ``is_cancelled`` is asked before
        every tick, ``wants_preview`` whenever a preview is due (without it there are none). The future
        raises ``GenerationCancelled`` or ``EngineError``; it cannot be cancelled itself. What the request
        takes of the device is added to ``use`` as it goes on.
        """
        future: Future[GenerationResult] = Future()
        future.set_running_or_notify_cancel()
        run = Run(
            request=request,
            future=future,
            on_progress=on_progress,
            is_cancelled=is_cancelled,
            wants_preview=wants_preview,
            use=use or DeviceUse(),
        )
        with self._wake:
            if self._closing:
                run.fail(_closed(), "starting")
                return future
            self._inbox.append(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="engine-device", daemon=True)
                self._thread.start()
            self._wake.notify()
        return future

    def stats(self) -> EngineStats:
        """Counters since the start; cheap enough to ask every second."""
        floor = self._floor
        if floor is None:
            return EngineStats(ticks=0, rows_denoised=0, loads=0, resident=())
        return EngineStats(
            ticks=floor.ticker.ticks,
            rows_denoised=floor.ticker.rows_denoised,
            loads=floor.cache.loads,
            resident=floor.cache.resident(),
            checkpoint_loads=floor.cache.checkpoint_loads,
            checkpoints=floor.cache.resident_checkpoints(),
            tick_ms=floor.meter.tick_ms,
            device_seconds=floor.meter.seconds,
        )

    def device_facts(self) -> DeviceFacts:
        """The device and its memory, as they are now."""
        return device_facts(self._device)

    def resident(self) -> tuple[str, ...]:
        """Digests (or paths, where no digest is known) of the loaded models, most recently used last."""
        return self.stats().resident

    def close(self, timeout: float = 10.0) -> None:
        """Stop after the current tick: unfinished requests end with ``EngineError("engine_closed")``.

        Waits ``timeout`` seconds for that. Closing twice is allowed.
        """
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _work(self) -> None:
        with torch.inference_mode():
            try:
                floor = self._floor = _Floor(self._config, self._device, self._nudge)
            except Exception as error:
                self._refuse_all(error)
                return
            while self._await_work(floor):
                try:
                    floor.go_round()
                except Exception as error:
                    # A fault of ours, outside any request's guard. The thread must outlive even that.
                    logger.exception("The engine's round failed.")
                    floor.abandon(error)
            floor.abandon(_closed())
            floor.cache.close()

    def _refuse_all(self, error: BaseException) -> None:
        """The device cannot be used at all: end what waits and start anew with the next request."""
        with self._wake:
            refused, self._thread = list(self._inbox), None
            self._inbox.clear()
        for run in refused:
            run.fail(error, "starting the device")

    def _await_work(self, floor: "_Floor") -> bool:
        """Wait until there is something to do, take new requests in; False when the engine is closing."""
        with self._wake:
            while not (self._closing or self._inbox or floor.busy):
                # While a model loads nothing happens here, but somebody may cancel.
                if not self._wake.wait(timeout=0.1 if floor.runs else None) and floor.runs:
                    break
            while self._inbox:
                run = self._inbox.popleft()
                floor.runs.append(run)
            return not self._closing

    def _nudge(self) -> None:
        with self._wake:
            self._wake.notify()


class _Floor:
    """What the device thread works with: the running requests and the machinery that moves them on."""

    def __init__(self, config: EngineConfig, device: torch.device, nudge: Callable[[], None]) -> None:
        self.config = config
        self.device = device
        self.dtype = dtype_resolve(config.precision, device)
        placement = Placement(config, device, self.dtype)
        self.cache = ModelCache(
            device=device,
            dtype=self.dtype,
            limit=config.cache_bytes,
            loaded=nudge,
            place=placement.place,
        )
        self.meter = meter_for(device)
        self.ticker = Ticker(config, self.cache, placement, self.meter)
        self.runs: list[Run] = []
        self._conditioner = Conditioner()
        self._desks: dict[Run, Desk] = {}

    @property
    def busy(self) -> bool:
        """Whether there is work beyond waiting for a model."""
        return self.cache.settled or any(run.want is not Want.MODEL for run in self.runs)

    def go_round(self) -> None:
        self.cache.settle()
        for run in self.runs:
            run.drop_if_cancelled()
            if (run.want is Want.ROWS and run.resting) or run.want in (None, Want.MODEL):
                self._advance(run)
        self._sweep()
        self.ticker.tick(self.runs)
        self._give_turn()
        self._sweep()

    def abandon(self, error: BaseException) -> None:
        """End every run with ``error``."""
        for run in self.runs:
            run.fail(error, "running")
        self._sweep()

    def _give_turn(self) -> None:
        """One piece of work for the script that waits longest: running rows wait for one piece at most."""
        waiting = [run for run in self.runs if run.want is Want.TURN]
        if waiting:
            self._advance(min(waiting, key=lambda run: run.waiting_since))

    def _advance(self, run: Run) -> None:
        if run.ended:
            return
        with run.guarded(_DOING.get(run.want, "starting")):
            if run.script is None:
                run.script = script_for(self._desk(run), run.request)
            with self.meter.measured((run.use,)):
                outcome = run.advance()
            if outcome is not None and not run.ended:
                self.meter.settle(wait=True)  # its own pictures are on the CPU: there is nothing to wait for
                run.succeed(outcome, device=str(self.device), dtype=str(self.dtype).removeprefix("torch."))

    def _desk(self, run: Run) -> Desk:
        desk = self._desks[run] = Desk(
            run=run,
            config=self.config,
            device=self.device,
            dtype=self.dtype,
            cache=self.cache,
            conditioner=self._conditioner,
        )
        return desk

    def _sweep(self) -> None:
        """Forget runs that have ended and let go of their models."""
        for run in self.runs:
            if run.ended and run in self._desks:
                self._desks.pop(run).close()
        self.runs = [run for run in self.runs if not run.ended]


_DOING: Final[Mapping[Want | None, str]] = {
    Want.MODEL: "loading",
    Want.ROWS: "denoising",
    Want.TURN: "working on the picture",
}
"""What a script was at, for messages."""


def _closed() -> EngineError:
    return EngineError(
        "engine_closed",
        "The worker was stopped before the picture was finished.",
        hint="Nothing is wrong with the request; it can simply run again.",
        permanent=False,
    )
