"""How long jobs are listed, and what they took of the GPUs is remembered."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from generation.models import FINISHED_STATES, GpuUse, Job
from generation.services.charging import KEPT_DAYS, gpu_use_purge
from sdweb.accounts.selectors import site_settings
from sdweb.retention import BATCH, Rule


def old_jobs(now: datetime) -> QuerySet[Job]:
    """Finished for longer than the site's settings say. Their pictures stay, with everything about them."""
    days = site_settings().job_days
    if not days:
        return Job.objects.none()
    return Job.objects.filter(finished_at__lt=now - timedelta(days=days), state__in=FINISHED_STATES)


def jobs_purge(now: datetime) -> int:
    """Delete old jobs; pictures that were sent in for them are held by one less. Returns how many went."""
    purged = 0
    while gone := _purge(now):
        purged += gone
    return purged


@transaction.atomic
def _purge(now: datetime) -> int:
    # Locked: an administrator who puts one back into the queue at this moment keeps it or finds it gone.
    ids = list(
        old_jobs(now)
        .select_for_update(of=("self",))
        .order_by("finished_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    Job.objects.filter(pk__in=ids).delete()
    return len(ids)


RULES: Final = (
    Rule("finished jobs deleted", lambda now: old_jobs(now).count(), jobs_purge),
    Rule(
        f"entries of GPU use deleted, older than {KEPT_DAYS} days",
        lambda now: GpuUse.objects.filter(created_at__lt=now - timedelta(days=KEPT_DAYS)).count(),
        gpu_use_purge,
    ),
)
