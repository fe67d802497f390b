"""What people may use, as sites, groups and single persons say it."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models


class Limits(models.Model):
    """Limits of one place where they may be said. Empty: this place says nothing. Zero: no limit.

    What holds for a person is worked out in ``sdweb.accounts.policies``.
    """

    may_generate = models.BooleanField(null=True, blank=True, help_text="Whether they may ask for pictures.")
    weight = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01)],
        help_text="Share of the GPUs among those who wait: 2 gets twice as much as 1.",
    )
    jobs_waiting = models.PositiveIntegerField(null=True, blank=True, help_text="Jobs in the queue at once.")
    jobs_running = models.PositiveIntegerField(null=True, blank=True, help_text="Jobs on GPUs at once.")
    gpu_seconds_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="From midnight UTC to midnight UTC."
    )
    pictures = models.PositiveIntegerField(
        null=True, blank=True, help_text="Kept in the gallery, trash included."
    )
    stored_mb = models.PositiveIntegerField(null=True, blank=True, help_text="MiB that those pictures take.")
    largest_side = models.PositiveIntegerField(null=True, blank=True, help_text="Pixels, hires fix included.")
    steps = models.PositiveIntegerField(null=True, blank=True, help_text="Sampler steps of a picture.")

    class Meta:
        abstract = True


class GroupLimits(Limits):
    """What holds for the members of a group; who is in several gets the most generous of each."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="limits")

    class Meta:
        verbose_name = "limits"
        verbose_name_plural = "limits"

    def __str__(self) -> str:
        return f"Limits of {self.group}"


class UserLimits(Limits):
    """What holds for one person, whatever their groups say."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="limits")

    class Meta:
        verbose_name = "limits"
        verbose_name_plural = "limits"

    def __str__(self) -> str:
        return f"Limits of {self.user}"
