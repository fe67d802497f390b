"""Doorbells for the io worker: beat and the admin ring them."""

from celery import shared_task


@shared_task(name="models_hub.tasks.scan_library", ignore_result=True)
def scan_library() -> None:
    """See ``services.library_scan``."""
    from models_hub.services import library_scan

    library_scan()
