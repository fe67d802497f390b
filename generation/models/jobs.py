"""The one table that says what is to be done, by whom, and how far it is."""

import time
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from generation.models.uploads import Upload
from sdweb.ids import uuid7


class JobState(models.TextChoices):
    """Where a job is in its life; see ``Job``."""

    QUEUED = "queued", "Queued"
    HELD = "held", "Held"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ACTIVE_STATES: Final = (JobState.QUEUED, JobState.HELD, JobState.RUNNING)
"""Not finished: somebody waits for it."""
WAITING_STATES: Final = (JobState.QUEUED, JobState.HELD)
"""In the queue: not begun, or to be begun again."""
FINISHED_STATES: Final = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
"""Final: no transition leaves them, except that who manages the queue may requeue a failed or cancelled job.
"""


class Job(models.Model):
    """One request for pictures.

    The row is the truth; messages only say that it is worth looking at. ``generation.services`` holds every
    transition, each of them one conditional UPDATE: one row changed, or somebody else was there first.

                  job_hold                 job_claim                 job_finish
         ┌──────┐ ◀─────── ┌────────┐ ───────────────▶ ┌─────────┐ ─────────────▶ DONE
         │ HELD │          │ QUEUED │                  │ RUNNING │ ── job_fail ─▶ FAILED
         └──────┘ ───────▶ └────────┘ ◀─────────────── └─────────┘
                job_release            job_give_back, requeue_lost_jobs
                                       (a lost one too often: FAILED)

         QUEUED, HELD, RUNNING ── job_cancel ─▶ CANCELLED        FAILED, CANCELLED ── REQUEUE ─▶ QUEUED

    ``attempt`` counts how often a worker has begun; with ``worker`` it is the fencing token: what a worker
    writes counts only while both are still its own.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="jobs",
        db_index=False,  # job_owner_newest begins with it
    )
    state = models.CharField(max_length=9, choices=JobState, default=JobState.QUEUED)
    task = models.CharField(max_length=32, default="txt2img")
    params = models.JSONField(help_text="What was asked for, with the real seed and canonical names.")
    model = models.ForeignKey(
        "models_hub.ModelFile",
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The parameters keep its name when it is deleted.",
    )
    inputs = models.ManyToManyField(
        Upload, related_name="jobs", help_text="The pictures that the parameters name."
    )
    idempotency_key = models.CharField(max_length=200, blank=True)
    cost_tflop = models.FloatField(help_text="Predicted work, in 10^12 floating-point operations.")

    turn = models.FloatField(
        default=time.time,
        editable=False,
        help_text="Order among the owner's own waiting jobs, smallest first; moving a job exchanges turns.",
    )
    urgent_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When it was let past everybody else; of several the earliest is first.",
    )

    charged = models.FloatField(
        default=0.0,
        editable=False,
        help_text="TFLOP per weight that the attempt took of the owner's share; what is undone is refunded.",
    )
    attempt = models.PositiveIntegerField(default=0, help_text="How often a worker has begun with it.")
    lost_attempts = models.PositiveIntegerField(default=0, help_text="How often a worker was lost over it.")
    worker = models.CharField(max_length=120, blank=True, help_text="The process that runs it.")
    lease_expires_at = models.DateTimeField(null=True, blank=True)

    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=16, blank=True, help_text="What the engine does with it now.")
    error = models.JSONField(null=True, blank=True)
    timings = models.JSONField(
        default=dict,
        blank=True,
        help_text="Seconds: queued, waited, loaded, denoised, decoded, stored; device: of the GPU alone.",
    )

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, help_text="When the last attempt began.")
    finished_at = models.DateTimeField(null=True, blank=True)
    cleared_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When its owner took it off their list; the row stays as long as other finished ones.",
    )

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("view_all_jobs", "Can see everybody's queue"),
            ("jump_queue", "Can put own jobs before everybody's"),
            ("manage_queue", "Can manage everybody's jobs, pause the queue and drain workers"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
            models.CheckConstraint(
                condition=Q(state=JobState.RUNNING, lease_expires_at__isnull=False, started_at__isnull=False)
                | (~Q(state=JobState.RUNNING) & Q(lease_expires_at=None, worker="")),
                name="job_lease_while_running",
            ),
            models.CheckConstraint(
                condition=Q(state__in=FINISHED_STATES, finished_at__isnull=False)
                | (Q(state__in=ACTIVE_STATES) & Q(finished_at=None)),
                name="job_finished_at_when_finished",
            ),
            models.CheckConstraint(
                condition=~Q(state=JobState.FAILED) | Q(error__isnull=False), name="job_failed_says_why"
            ),
            models.CheckConstraint(
                condition=Q(cleared_at=None) | Q(state__in=FINISHED_STATES), name="job_cleared_when_finished"
            ),
            models.CheckConstraint(condition=Q(step__lte=F("total_steps")), name="job_step_within_total"),
            models.CheckConstraint(condition=Q(cost_tflop__gte=0), name="job_cost_not_negative"),
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"], name="job_idempotency", condition=~Q(idempotency_key="")
            ),
        ]
        indexes = [
            # The id is a UUIDv7: descending id is newest first.
            models.Index(fields=["owner", "-id"], name="job_owner_newest"),
            models.Index(
                fields=["owner", "-id"], name="job_owner_listed", condition=Q(cleared_at__isnull=True)
            ),
            models.Index(
                fields=["owner", "id"], name="job_owner_active", condition=Q(state__in=ACTIVE_STATES)
            ),
            # The queue: few rows, whatever the size of the table.
            models.Index(
                fields=["owner", "turn", "id"], name="job_waiting", condition=Q(state=JobState.QUEUED)
            ),
            models.Index(
                fields=["urgent_at"],
                name="job_urgent",
                condition=Q(state=JobState.QUEUED, urgent_at__isnull=False),
            ),
            # Retention, and a person's own "clear finished".
            models.Index(fields=["finished_at"], name="job_finished", condition=Q(finished_at__isnull=False)),
            models.Index(fields=["lease_expires_at"], name="job_leases", condition=Q(state=JobState.RUNNING)),
            # What people were given lately, and how fast the machine is.
            models.Index(fields=["started_at"], name="job_started", condition=Q(started_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"

    @property
    def waited(self) -> timedelta:
        """From the request until the last attempt began, or until now."""
        return (self.started_at or timezone.now()) - self.created_at
