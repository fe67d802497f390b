"""GPU workers as administrators see them."""

from datetime import datetime

from ninja import Schema


class WorkerOut(Schema):
    """One GPU worker; counters are since its process began."""

    name: str
    host: str
    alive: bool
    """Whether it was heard of lately."""
    accepts: bool
    """Without it the worker finishes what it has and takes nothing more."""
    device: str
    device_name: str
    memory_total_mb: int
    """Of the GPU; of a CPU worker, the RAM of the machine; 0 where it is not known."""
    memory_used_mb: int
    """By whatever runs there."""
    slots: int
    jobs_running: int
    jobs_done: int
    errors: int
    models: list[str]
    """Names of the loaded checkpoints."""
    loads: int
    """Checkpoints loaded."""
    tick_ms: float
    """Mean milliseconds of the last denoiser calls."""
    mean_batch: float
    """Pictures in a denoiser call, on average."""
    device_seconds: float
    started_at: datetime
    seen_at: datetime


class FleetQueueOut(Schema):
    """The queue in numbers."""

    waiting: int
    held: int
    running: int
    oldest_wait_seconds: float | None
    """Since the oldest waiting job was asked for; null while none waits."""
    paused: bool
    reason: str
    """Why, in the words of whoever paused it; may be empty."""
    since: datetime | None
    """When it was paused."""
    paused_by: str | None
    """Their user name; null while it is not paused, and where nobody knows any more."""


class FleetRatesOut(Schema):
    """How much gets done."""

    pictures_per_minute: float
    """Over the last ten minutes."""
    jobs_per_hour: int
    """Done in the last hour."""
    mean_batch: float
    """Pictures in a denoiser call of the workers that are there; 0 while they have made none."""


class FleetErrorOut(Schema):
    """Jobs that failed for one reason in the last hour."""

    code: str
    count: int


class FleetOut(Schema):
    """Everything about the machines at one moment."""

    workers: list[WorkerOut]
    """Those that are there by name, then those that went within the last day; 200 at most."""
    queue: FleetQueueOut
    rates: FleetRatesOut
    errors: list[FleetErrorOut]
    """The most frequent first; 20 at most."""
