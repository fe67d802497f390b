"""Doorbells for the io worker: beat rings them."""

from celery import shared_task
from django.utils import timezone


@shared_task(name="gallery.tasks.purge_trash", ignore_result=True)
def purge_trash() -> None:
    """Old pictures into the trash, and old trash away: see ``gallery.retention``."""
    from gallery.retention import RULES

    for rule in RULES:
        rule.apply(timezone.now())


@shared_task(name="gallery.tasks.sweep_orphans", ignore_result=True)
def sweep_orphans() -> None:
    """See ``sweep.orphan_files_sweep``."""
    from gallery.sweep import orphan_files_sweep

    orphan_files_sweep(timezone.now())
