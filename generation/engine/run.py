"""One request on its way through the engine. Everything here happens on the device thread."""

import inspect
import logging
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from generation.engine.devices import engine_error
from generation.engine.errors import EngineError, GenerationCancelled
from generation.engine.preview import Painter, preview_jpeg
from generation.engine.rows import Row
from generation.engine.slices import Portion
from generation.engine.spec import (
    DeviceUse,
    GenerationResult,
    Predicate,
    Progress,
    ProgressCallback,
    Request,
    Status,
    Timings,
)

if TYPE_CHECKING:
    from generation.engine.scripts.script import Outcome, Script, Want

logger = logging.getLogger(__name__)

_NOTHING = Portion(0, 0)


@dataclass(slots=True, eq=False, kw_only=True)
class Run:
    """A request, its callbacks and how far it has come; ended by exactly one of ``succeed`` and ``fail``."""

    request: Request
    future: "Future[GenerationResult]"
    on_progress: ProgressCallback | None
    is_cancelled: Predicate | None
    wants_preview: Predicate | None
    use: DeviceUse = field(default_factory=DeviceUse)
    """What it has taken of the device."""
    script: "Script | None" = None
    """What is done for the request; None before it has begun."""
    want: "Want | None" = None
    """What the script waits for."""
    submitted: float = field(default_factory=monotonic)
    started: float = 0.0
    """When its first model was asked for; 0 before. Likewise ``loaded``, ``denoised``: ends of phases."""
    loaded: float = 0.0
    denoised: float = 0.0
    waiting_since: float = 0.0
    """When the script came to what it waits for now."""
    leases: list[str] = field(default_factory=list)
    """The model cache's keys of what the run holds."""
    rows: list[Row] = field(default_factory=list)
    """What is being denoised for it, or was last."""
    portion: Portion = _NOTHING
    """Of the work besides denoising that is under way."""
    passed: int = 0
    """Denoiser calls and portions of finished phases."""
    ahead: int = 0
    """How many are expected of phases to come."""
    painter: Painter | None = None
    previewed: float = 0.0

    @property
    def ended(self) -> bool:
        return self.future.done()

    @property
    def prepared(self) -> bool:
        """Whether there is anything to do for it but to wait for a model."""
        return bool(self.rows) and not self.ended

    @property
    def resting(self) -> bool:
        """Whether no row of it takes part in a tick any more."""
        return all(row.resting for row in self.rows)

    def model_ready(self) -> None:
        """Note that what the first pass needs is there."""
        self.loaded = self.loaded or monotonic()

    def show(self, preview: bytes) -> None:
        """Report a preview that a script has drawn itself."""
        self.previewed = monotonic()
        self.report("denoising", preview)

    def take_up(self, rows: list[Row]) -> None:
        """Denoise these from now on."""
        self.model_ready()
        if self.rows and rows[0] is not self.rows[0]:
            self.passed += max(row.step for row in self.rows)
        self.rows = rows

    def proceed(self, portion: Portion) -> None:
        """Note how far the work under way is; a finished one is added to what has passed."""
        if portion.done >= portion.total:
            self.passed += portion.total
            portion = _NOTHING
        self.portion = portion

    def fail(self, error: BaseException, doing: str) -> None:
        """End the run; anything but our own errors becomes an ``EngineError`` and is logged."""
        if self.ended:
            return
        outcome = error if isinstance(error, GenerationCancelled) else engine_error(error, doing)
        if isinstance(outcome, EngineError) and outcome.code == "engine_failed":
            logger.error("A request failed while %s.", doing, exc_info=error)
        self._let_go()
        self.future.set_exception(outcome)

    def succeed(self, outcome: "Outcome", *, device: str, dtype: str) -> None:
        now = monotonic()
        started = self.started or self.submitted
        loaded = self.loaded or started
        denoised = self.denoised or loaded
        result = GenerationResult(
            images=outcome.images,
            seeds=outcome.seeds,
            steps=outcome.steps,
            buckets=outcome.buckets,
            device=device,
            dtype=dtype,
            control_maps=outcome.control_maps,
            timings=Timings(
                waited=started - self.submitted,
                loaded=loaded - started,
                denoised=denoised - loaded,
                decoded=now - denoised,
                device=self.use.seconds,
            ),
        )
        self._let_go()
        self.future.set_result(result)

    def advance(self) -> "Outcome | None":
        """Go on with the script to what it wants next; its outcome once it is through. Raises what it
        raises.
        """
        if self.script is None:
            raise RuntimeError("a run without a script cannot go on")
        script = self.script
        try:
            self.want = next(script)
            self.waiting_since = monotonic()
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        finally:
            if self.ended:  # by a callback, in the middle of the script
                self._let_go()
        return None

    def _let_go(self) -> None:
        self.rows = []
        if self.script is None or inspect.getgeneratorstate(self.script) == inspect.GEN_RUNNING:
            return
        script, self.script = self.script, None
        try:
            script.close()
        except Exception:  # what is left to tidy up must not keep the run from ending
            logger.exception("A script did not end well.")

    def drop_if_cancelled(self) -> None:
        """Ask ``is_cancelled``, and end the run when it says so."""
        if not self.ended and self._asked(self.is_cancelled):
            self.fail(GenerationCancelled("The generation was cancelled."), "stopping")

    def preview_due(self, interval: float) -> bool:
        """Whether to make a preview now: somebody watches, and the last one is ``interval`` seconds old."""
        waited_enough = not self.previewed or monotonic() - self.previewed >= interval
        return self.on_progress is not None and waited_enough and self._asked(self.wants_preview)

    def report(self, status: Status, preview: bytes | None = None) -> None:
        """Tell ``on_progress`` where the run is. A callback that raises ends its own run only."""
        if self.on_progress is None or self.ended:
            return
        step = self.passed + self.portion.done + min((row.step for row in self.rows), default=0)
        planned = self.rows[0].total if self.rows else 0
        total = self.passed + self.portion.total + self.ahead + planned
        with self.guarded("reporting progress"):
            self.on_progress(Progress(step=step, total=total, status=status, preview=preview))

    def report_denoised(self, preview_side: int) -> None:
        """Report after a tick, with a preview of that many pixels on its longer side unless it is 0."""
        if self.ended:
            return
        status: Status = "decoding" if self.resting else "denoising"
        if status == "decoding":
            self.denoised = self.denoised or monotonic()
        self.report(status, self._preview(preview_side) if preview_side else None)

    @contextmanager
    def guarded(self, doing: str) -> Iterator[None]:
        """What raises in here ends this run and nobody else's."""
        try:
            yield
        except Exception as error:
            self.fail(error, doing)

    def _preview(self, side: int) -> bytes | None:
        """All rows in one JPEG, from their last predicted pictures; None when drawing it failed."""
        if self.painter is None or not self.rows:
            return None
        self.previewed = monotonic()
        size = (self.rows[0].key.width, self.rows[0].key.height)
        try:
            pictures = [None if row.x0 is None else self.painter.image(row.x0) for row in self.rows]
            return preview_jpeg(pictures, size, side)
        except Exception:  # a preview is never worth a picture
            logger.exception("A preview could not be made.")
            return None

    def _asked(self, predicate: Predicate | None) -> bool:
        if predicate is None:
            return False
        try:
            return predicate()
        except Exception as error:
            self.fail(error, "asking the caller")
            return False
