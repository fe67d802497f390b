"""A job in a GPU worker's hands."""

import threading
from dataclasses import dataclass, field

from generation.engine.spec import DeviceUse, Progress
from generation.services import Claim


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
    use: DeviceUse = field(default_factory=DeviceUse)
    """What it has taken of the device; the engine's thread adds to it."""

    def eta_seconds(self, progress: Progress, now: float) -> float | None:
        """From the pace of the steps so far in the phase that this report belongs to."""
        phase = (progress.status, progress.total)
        if phase != self.phase:
            self.phase, self.phase_since, self.first_step = phase, now, progress.step
        done = progress.step - self.first_step
        if done <= 0:
            return None
        return round((now - self.phase_since) / done * (progress.total - progress.step), 1)
