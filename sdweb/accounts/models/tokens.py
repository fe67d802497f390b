"""Personal keys to the API."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from sdweb.ids import uuid7


class ApiToken(models.Model):
    """A personal key to the API, ``sdw_<prefix>_<secret>``: only the prefix and a digest are stored."""

    class Scope(models.TextChoices):
        READ = "read", "Look at own jobs, pictures and settings, and at models"
        GENERATE = "generate", "Submit and cancel own jobs, send in pictures"
        GALLERY = "gallery", "Change and delete own pictures"
        MANAGE = "manage", "Everything that the person's rights allow beyond their own things"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        db_index=False,  # api_token_newest begins with it
    )
    name = models.CharField(max_length=100, help_text="What it is for.")
    prefix = models.CharField(max_length=12, unique=True, help_text="The part that may be shown.")
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the whole token.")
    scopes = models.JSONField(default=list, help_text="Values of Scope.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")

    class Meta:
        ordering = ["-id"]
        verbose_name = "API token"
        indexes = [models.Index(fields=["user", "-id"], name="api_token_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"
