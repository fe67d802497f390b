"""The ledger of what people used of the GPUs."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from generation.models import GpuUse

if TYPE_CHECKING:
    from generation.services.claims import Claim

KEPT_DAYS: Final = 90
"""Days that rows of the ledger are kept; the limits look at the last one alone."""
PURGE_BATCH: Final = 1_000


def job_charge(claim: "Claim", *, seconds: float) -> None:
    """Write down that this attempt took ``seconds`` of a GPU. A second call for the attempt changes nothing.

    Whatever became of the attempt: cancelled, failed and given back ones have used what they used.
    """
    if not math.isfinite(seconds) or seconds <= 0.0:
        return
    use = GpuUse(
        user_id=claim.job.owner_id,
        job_id=claim.job.pk,
        attempt=claim.attempt,
        seconds=seconds,
        created_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            GpuUse.objects.bulk_create([use], ignore_conflicts=True)
    except IntegrityError:
        # The person is gone, and their ledger with them.
        return


def device_seconds(timings: Mapping[str, float]) -> float:
    """Seconds of the GPU in a job's timings: ``device``, or what comes nearest to it."""
    if "device" in timings:
        return timings["device"]
    return timings.get("denoised", 0.0) + timings.get("decoded", 0.0)


def gpu_use_purge(now: datetime) -> int:
    """Delete what is older than ``KEPT_DAYS``. Returns how many rows went."""
    old = GpuUse.objects.filter(created_at__lt=now - timedelta(days=KEPT_DAYS))
    purged = 0
    while ids := list(old.order_by("created_at").values_list("pk", flat=True)[:PURGE_BATCH]):
        purged += GpuUse.objects.filter(pk__in=ids).delete()[0]
    return purged
