"""Who did what."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils import timezone

from sdweb.ids import uuid7


class AuditEntries(models.QuerySet["AuditEntry"]):
    """Entries: looked at, and deleted when they are old; never changed."""

    def update(self, **kwargs: Any) -> NoReturn:
        """What was written stays as it is."""
        del kwargs
        raise TypeError("Entries of the audit log are not changed.")


class AuditEntry(models.Model):
    """One thing that somebody did, or tried to. Written by ``sdweb.accounts.audit``, never changed."""

    class Via(models.TextChoices):
        SESSION = "session", "Signed in with a browser"
        TOKEN = "token", "API token"
        ANONYMOUS = "anonymous", "Not signed in"
        SYSTEM = "system", "The portal itself"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    action = models.CharField(max_length=64, help_text="Such as signin.failed, model.enabled, queue.paused.")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,  # audit_of_actor begins with it
    )
    actor_name = models.CharField(max_length=150, blank=True, help_text="Stays when the person is deleted.")
    target = models.CharField(max_length=100, blank=True, help_text="Kind and id, such as job:0192...")
    target_name = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict, blank=True)
    via = models.CharField(max_length=10, choices=Via, default=Via.SYSTEM)
    address = models.GenericIPAddressField(null=True, blank=True)

    objects = AuditEntries.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        indexes = [
            # The id is a UUIDv7: descending id is newest first.
            models.Index(fields=["actor", "-id"], name="audit_of_actor"),
            models.Index(fields=["action", "-id"], name="audit_of_action"),
            models.Index(fields=["target", "-id"], name="audit_of_target"),
            models.Index(fields=["at"], name="audit_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.actor_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Once. Raises ``TypeError`` for an entry that is written already."""
        if not self._state.adding:
            raise TypeError("Entries of the audit log are not changed.")
        super().save(*args, **kwargs)
