"""What the fair queue and the predictor remember. See ``generation.scheduling`` and ``generation.pace``."""

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from generation.scheduling import NEVER_SERVED


class Share(models.Model):
    """How far a person's share has been used. Losing the table makes everybody a newcomer, nothing worse."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="share"
    )
    tag = models.FloatField(
        default=NEVER_SERVED, help_text="TFLOP per weight at which their next job would start."
    )
    last_start = models.DateTimeField(null=True, help_text="When a job of theirs last began.")

    def __str__(self) -> str:
        return f"{self.user_id}: {self.tag:.0f}"


class FairClock(models.Model):
    """Where newcomers join the fair queue: one row."""

    PK: Final = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=PK, editable=False)
    now = models.FloatField(default=0.0, help_text="TFLOP per weight; it never goes back.")
    starts = models.PositiveBigIntegerField(default=0, help_text="Jobs that have begun.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="generation_fairclock_single_row")]

    def __str__(self) -> str:
        return f"{self.now:.0f}"


class Pace(models.Model):
    """How long a kind of work takes on a kind of device, learned from finished jobs."""

    LOAD: Final = "load"
    """The ``work`` of a row that tells how long loading a model takes: seconds, not per TFLOP."""

    id = models.BigAutoField(primary_key=True)
    device = models.CharField(max_length=100, help_text="Its maker's name for it.")
    family = models.CharField(max_length=16, blank=True)
    work = models.CharField(max_length=16, help_text="Kind and size.")
    seconds = models.FloatField(help_text="Of the device, for each predicted TFLOP.")
    samples = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "family", "work"], name="pace_once"),
            models.CheckConstraint(condition=Q(seconds__gt=0), name="pace_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.device}, {self.family} {self.work}: {self.seconds:.4g} s"
