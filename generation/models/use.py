"""What people used of the GPUs."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class GpuUse(models.Model):
    """Seconds of a GPU that one attempt of a job took: written once, never changed, kept when the job goes.

    Seconds of a call are shared among the rows in it, so that all people's together are at most the time that
    passed. The constraint is what makes a second charge for the same attempt impossible.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="gpu_use",
        db_index=False,  # gpu_use_of_user begins with it
    )
    job_id = models.UUIDField(editable=False)
    attempt = models.PositiveIntegerField()
    seconds = models.FloatField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "GPU use"
        verbose_name_plural = "GPU use"
        constraints = [
            models.UniqueConstraint(fields=["job_id", "attempt"], name="gpu_use_once_per_attempt"),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="gpu_use_not_negative"),
        ]
        indexes = [
            models.Index(fields=["user", "created_at"], name="gpu_use_of_user"),
            models.Index(fields=["created_at"], name="gpu_use_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s for {self.job_id}"
