"""Learning from finished jobs how long work takes."""

from django.utils import timezone

from generation.models import Pace
from generation.pace import Kind, learned


def pace_learn(*, device: str, kind: Kind, seconds: float, cost_tflop: float) -> None:
    """Take in that the work took so many seconds of the device. Nothing happens for zero of either."""
    if seconds > 0 and cost_tflop > 0:
        _learn(device, kind, seconds / cost_tflop)


def load_learn(*, device: str, family: str, seconds: float) -> None:
    """Take in that loading a model of this family took so long. Nothing happens for zero seconds."""
    if seconds > 0:
        _learn(device, Kind(family, Pace.LOAD), seconds)


def _learn(device: str, kind: Kind, sample: float) -> None:
    mine = Pace.objects.filter(device=device, family=kind.family, work=kind.work)
    known = mine.first()
    if known is None:
        row = Pace(device=device, family=kind.family, work=kind.work, seconds=sample)
        Pace.objects.bulk_create([row], ignore_conflicts=True)
        return
    # Of two that learn from the same mean at once, one sample counts: there will be others.
    mine.filter(samples=known.samples).update(
        seconds=learned(known.seconds, known.samples, sample),
        samples=known.samples + 1,
        updated_at=timezone.now(),
    )
