from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from sdweb.ids import uuid7


class Image(models.Model):
    """One picture with everything needed to make it again.

    ``recipe`` is a snapshot, so a picture outlives its job and its model. The columns beside it repeat what
    is listed, searched or filtered. Files come before the row and go after it: a row never points at nothing,
    and files without a row are swept up later.

        in the gallery ──image_trash──▶ in the trash ──trash_purge──▶ gone
                ▲                            │
                └───────image_restore────────┘
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="images",
        db_index=False,  # image_owner_newest begins with it
    )
    # Not a foreign key: jobs are cleaned away earlier than pictures, and the gallery does not know the queue.
    job_id = models.UUIDField(editable=False)
    index = models.PositiveSmallIntegerField(help_text="Place in the job's batch, from 0.")
    task = models.CharField(max_length=32)
    prompt = models.TextField(blank=True)
    prompt_folded = models.TextField(
        blank=True,
        editable=False,
        help_text="The prompt, case-folded: SQLite compares letters beyond ASCII case-sensitively.",
    )
    negative_prompt = models.TextField(blank=True)
    seed = models.BigIntegerField()
    width = models.PositiveIntegerField(help_text="Pixels.")
    height = models.PositiveIntegerField(help_text="Pixels.")
    model_name = models.CharField(max_length=255, blank=True)
    model_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the model.")
    recipe = models.JSONField(help_text="Every parameter, versioned; the same JSON is inside the PNG.")
    file_key = models.CharField(max_length=255, editable=False, help_text="The PNG's name in the storage.")
    thumbnail_key = models.CharField(
        max_length=255, editable=False, help_text="The WebP's name in the storage."
    )
    bytes = models.PositiveBigIntegerField(help_text="Size of the PNG.")
    sha256 = models.CharField(max_length=64, help_text="SHA-256 of the PNG.")
    thumbhash = models.CharField(max_length=48, blank=True, help_text="ThumbHash placeholder, base64.")
    favourite = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="When it went to the trash.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["job_id", "index"], name="image_once_per_job_and_index"),
        ]
        indexes = [
            # The id is a UUIDv7: descending id is newest first, and a page is one range of the index.
            models.Index(fields=["owner", "-id"], name="image_owner_newest"),
            models.Index(
                fields=["owner", "-id"],
                condition=Q(favourite=True, deleted_at=None),
                name="image_owner_favourite_newest",
            ),
            models.Index(
                fields=["owner", "task", "-id"], condition=Q(deleted_at=None), name="image_owner_task_newest"
            ),
            models.Index(
                fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="image_trash_oldest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.prompt[:60]}"
