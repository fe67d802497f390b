"""Doorbells for the io worker: beat rings them."""

from celery import shared_task
from django.utils import timezone


@shared_task(name="sdweb.accounts.tasks.purge_records")
def purge_records() -> None:
    """Let old entries of the audit log go, ended sessions and expired tokens."""
    from sdweb.accounts.retention import RULES

    for rule in RULES:
        rule.apply(timezone.now())
