"""One request on its way through the engine. Everything here happens on the device thread."""

import logging
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Literal

from generation.engine.devices import engine_error
from generation.engine.errors import EngineError, GenerationCancelled
from generation.engine.preview import Painter, preview_jpeg
from generation.engine.rows import Row
from generation.engine.spec import (
    GenerationRequest,
    GenerationResult,
    Predicate,
    Progress,
    ProgressCallback,
    Timings,
)

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger(__name__)

Status = Literal["loading", "denoising", "decoding"]


@dataclass(slots=True, eq=False, kw_only=True)
class Run:
    """A request, its callbacks and how far it has come; ended by exactly one of ``succeed`` and ``fail``."""

    request: GenerationRequest
    future: "Future[GenerationResult]"
    on_progress: ProgressCallback | None
    is_cancelled: Predicate | None
    wants_preview: Predicate | None
    submitted: float = field(default_factory=monotonic)
    started: float = 0.0
    """When its model was asked for; 0 before. Likewise ``loaded``, ``denoised``: when the phase ended."""
    loaded: float = 0.0
    denoised: float = 0.0
    model: str | None = None
    """The model cache's key while the run holds a lease on it."""
    rows: list[Row] = field(default_factory=list)
    images: "list[Image]" = field(default_factory=list)
    painter: Painter | None = None
    previewed: float = 0.0

    @property
    def ended(self) -> bool:
        return self.future.done()

    @property
    def prepared(self) -> bool:
        return bool(self.rows)

    @property
    def decoding(self) -> bool:
        """Every row is denoised, some pictures are still latents."""
        return self.prepared and not self.ended and all(row.finished for row in self.rows)

    def fail(self, error: BaseException, doing: str) -> None:
        """End the run; anything but our own errors becomes an ``EngineError`` and is logged."""
        if self.ended:
            return
        outcome = error if isinstance(error, GenerationCancelled) else engine_error(error, doing)
        if isinstance(outcome, EngineError) and outcome.code == "engine_failed":
            logger.error("A request failed while %s.", doing, exc_info=error)
        self.rows.clear()
        self.future.set_exception(outcome)

    def succeed(self, *, device: str, dtype: str) -> None:
        now = monotonic()
        result = GenerationResult(
            images=tuple(self.images),
            seeds=self.request.seeds,
            steps=self.rows[0].total,
            buckets=tuple(sorted(set().union(*(row.buckets for row in self.rows)))),
            device=device,
            dtype=dtype,
            timings=Timings(
                waited=self.started - self.submitted,
                loaded=self.loaded - self.started,
                denoised=self.denoised - self.loaded,
                decoded=now - self.denoised,
            ),
        )
        self.rows.clear()
        self.future.set_result(result)

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
        step = min((row.step for row in self.rows), default=0)
        total = self.rows[0].total if self.rows else self.request.steps
        with self.guarded("reporting progress"):
            self.on_progress(Progress(step=step, total=total, status=status, preview=preview))

    def report_denoised(self, preview_side: int) -> None:
        """Report after a tick, with a preview of that many pixels on its longer side unless it is 0."""
        if self.ended:
            return
        status: Status = "decoding" if self.decoding else "denoising"
        if status == "decoding":
            self.denoised = monotonic()
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
        if self.painter is None:
            return None
        self.previewed = monotonic()
        size = (self.request.width, self.request.height)
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
