"""Pictures that people sent in."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from sdweb.ids import uuid7


class Upload(models.Model):
    """A picture that somebody sent in, checked and encoded anew, for jobs to begin with.

    It stays until ``expires_at``, which every use puts off, and longer where an unfinished job needs it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="uploads",
        db_index=False,  # upload_owner_content begins with it
    )
    sha256 = models.CharField(max_length=64, help_text="Of what was sent in, so that it is stored once.")
    width = models.PositiveIntegerField(help_text="Pixels.")
    height = models.PositiveIntegerField(help_text="Pixels.")
    file_key = models.CharField(max_length=255, editable=False, help_text="The PNG's name in the storage.")
    bytes = models.PositiveBigIntegerField(help_text="Size of the PNG.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["owner", "sha256"], name="upload_owner_content")]

    def __str__(self) -> str:
        return f"{self.id} ({self.width} x {self.height})"
