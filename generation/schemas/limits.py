"""What somebody may use and has used, and what a request would cost, as they see it."""

from datetime import datetime

from ninja import Schema

from generation.schemas.jobs import ErrorOut


class LimitCountOut(Schema):
    """One limit beside what counts for it, in its own unit."""

    limit: int | None
    """Null: there is none."""
    used: float
    ahead: float = 0.0
    """What unfinished jobs will probably add."""
    resets_at: datetime | None = None
    """When `used` begins at 0 again; null where time alone changes nothing."""


class MyLimitsOut(Schema):
    """My limits and my usage, side by side."""

    may_generate: bool
    weight: float
    """Share of the GPUs among those who wait: 2 gets twice as much as 1."""
    largest_side: int | None
    """Pixels: of the first pass, of hires fix and detailing, and of the result of an upscaler."""
    steps: int | None
    """Of any one pass."""
    jobs_waiting: LimitCountOut
    """Held ones included."""
    jobs_running: LimitCountOut
    """Those above it wait."""
    gpu_seconds_per_day: LimitCountOut
    """From midnight UTC to midnight UTC."""
    pictures: LimitCountOut
    """The trash included."""
    stored_mb: LimitCountOut
    """MiB of those pictures."""
    picture_days: int | None
    """Days after which my pictures go to the trash, favourites left out; null: never."""
    trash_days: int
    """Days that they can still be taken out of it; 0: they are gone at the next cleaning up."""


class RefusalOut(ErrorOut):
    """The error that submission would answer with, and its figures."""

    limit: str
    """The field of `MyLimitsOut` that stands in the way."""
    allowed: float
    used: float
    """Used and promised to unfinished jobs."""
    wanted: float
    resets_at: datetime | None
    """When time alone frees it."""


class QuoteOut(Schema):
    """What a request would cost, if it were sent now."""

    cost_tflop: float
    gpu_seconds: float | None
    """Predicted; null while nothing has been measured."""
    pictures: int
    position: int | None
    """Where it would stand; 1 is the next to start. Null when that is far back."""
    starts_in_seconds: float | None
    """Estimated; null while nothing has been measured."""
    jobs_waiting: int
    """Mine, now."""
    jobs_waiting_limit: int | None
    allowed: bool
    refusal: RefusalOut | None
