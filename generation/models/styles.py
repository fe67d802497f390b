"""Named pieces of prompts."""

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from sdweb.ids import uuid7


class SavedStyle(models.Model):
    """A named piece of prompt: everybody's when it has no owner, which administrators enter, else its owner's
    alone.
    """

    NAME_LENGTH: Final = 100

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="styles",
        null=True,
        blank=True,
        help_text="Empty: everybody may use it.",
        db_index=False,  # style_name_once_per_owner begins with it
    )
    name = models.CharField(max_length=NAME_LENGTH)
    prompt = models.TextField(
        blank=True, help_text="{prompt} is where the prompt goes; without it the style follows the prompt."
    )
    negative_prompt = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = "style"
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="style_name_once_per_owner"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(owner=None), name="style_name_once_for_everybody"
            ),
        ]

    def __str__(self) -> str:
        return self.name
