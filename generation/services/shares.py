"""What beginning and ending a job changes in the fair queue, inside the transaction that does it."""

import uuid

from django.db.models import F, FloatField, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from generation.models import FairClock, Job, Share
from generation.scheduling import Choice


def share_charge(choice: Choice) -> None:
    """A job begins: its owner's tag grows, the clock goes on. Several at once add up."""
    start = Greatest(F("tag"), Value(choice.start, FloatField()))
    changes = {"tag": start + choice.charge, "last_start": timezone.now()}
    mine = Share.objects.filter(user=choice.job.user_id)
    if not mine.update(**changes):
        Share.objects.bulk_create([Share(user_id=choice.job.user_id)], ignore_conflicts=True)
        mine.update(**changes)
    clock = FairClock.objects.filter(pk=FairClock.PK)
    moved = {"now": Greatest(F("now"), Value(choice.clock, FloatField())), "starts": F("starts") + 1}
    if not clock.update(**moved):
        FairClock.objects.bulk_create([FairClock()], ignore_conflicts=True)
        clock.update(**moved)


def share_refund(job_id: uuid.UUID) -> None:
    """An attempt has ended without pictures: give its owner back what was not done of it.

    To be called in the transaction whose conditional UPDATE ended the attempt, so that it happens once.
    """
    job = Job.objects.only("charged", "step", "total_steps", "owner_id").get(pk=job_id)
    if not job.charged:
        return
    left = 1.0 - job.step / job.total_steps if job.total_steps else 1.0
    Job.objects.filter(pk=job_id).update(charged=0.0)
    Share.objects.filter(user=job.owner_id).update(tag=F("tag") - job.charged * left)
