"""The GPU workers that there are, and whether the queue moves."""

from typing import Final

from django.conf import settings
from django.db import models
from django.utils import timezone


class Worker(models.Model):
    """One GPU worker: a place (``gpu0@host``) where a process runs, now or lately.

    Its process writes what it sees, an administrator only ``accepts``. A row is history of minutes: losing
    the table costs nothing but the switch, every worker writes itself down again within seconds.
    """

    name = models.CharField(
        primary_key=True, max_length=100, help_text="Celery's node name: the same after a restart."
    )
    process = models.CharField(
        max_length=120, blank=True, help_text="What Job.worker says while this process runs a job."
    )
    host = models.CharField(max_length=100, blank=True)
    device = models.CharField(max_length=32, blank=True, help_text="cpu, cuda:0, ...")
    device_name = models.CharField(max_length=100, blank=True, help_text="As its maker calls it.")
    memory_total_mb = models.PositiveIntegerField(
        default=0, help_text="Of the GPU; of a CPU worker, the RAM."
    )
    memory_used_mb = models.PositiveIntegerField(default=0)
    slots = models.PositiveIntegerField(default=0, help_text="Jobs that it may have in its hands.")
    accepts = models.BooleanField(
        default=True, help_text="Without it the worker finishes what it has and takes nothing more (drain)."
    )
    jobs_running = models.PositiveIntegerField(default=0)
    jobs_done = models.PositiveBigIntegerField(default=0, help_text="Since the process began.")
    resident = models.JSONField(default=list, blank=True, help_text="SHA-256 of the loaded checkpoints.")
    loaded_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When it last began a job that needed another model."
    )
    loads = models.PositiveBigIntegerField(default=0, help_text="Checkpoints loaded since the process began.")
    ticks = models.PositiveBigIntegerField(default=0, help_text="Denoiser calls since the process began.")
    rows = models.PositiveBigIntegerField(default=0, help_text="Rows in those calls, padding left out.")
    tick_ms = models.FloatField(default=0.0, help_text="Mean milliseconds of the last calls.")
    device_seconds = models.FloatField(default=0.0, help_text="Device at work since the process began.")
    errors = models.PositiveBigIntegerField(default=0, help_text="Jobs failed since the process began.")
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class QueueState(models.Model):
    """Whether workers may begin jobs: one row, which the first reader creates."""

    PK: Final = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=PK, editable=False)
    paused = models.BooleanField(default=False, help_text="Running jobs go on, nothing new begins.")
    reason = models.CharField(max_length=200, blank=True, help_text="What people are told.")
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = "queue"
        verbose_name_plural = "queue"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="generation_queuestate_single_row")
        ]

    def __str__(self) -> str:
        return "Paused" if self.paused else "Open"
