"""How long pictures are kept: in the gallery, in the trash, and how much the trash may take."""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum

from gallery.models import Image
from gallery.services import PURGE_BATCH, trash_cutoff, trash_purge
from sdweb.accounts.selectors import site_settings
from sdweb.ids import uuid7_floor
from sdweb.retention import BATCH, Rule

logger = logging.getLogger(__name__)


def old_pictures(now: datetime) -> QuerySet[Image]:
    """In somebody's gallery for longer than the site's settings say, favourites left out."""
    days = site_settings().picture_days
    if not days:
        return Image.objects.none()
    # By the id, whose index is in order of time.
    return Image.objects.filter(
        pk__lt=uuid7_floor(now - timedelta(days=days)), favourite=False, deleted_at=None
    )


def old_pictures_trash(now: datetime) -> int:
    """Put old pictures into the trash, from where their owners can still take them. Returns how many."""
    moved = 0
    while ids := list(old_pictures(now).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        # Asked again: one that was made a favourite at this moment stays.
        moved += old_pictures(now).filter(pk__in=ids).update(deleted_at=now)
    return moved


def bytes_over() -> int:
    """How much more all pictures take than ``SDWEB_STORAGE_GB``; 0 where there is room, or no bound."""
    if not settings.STORAGE_BYTES:
        return 0
    stored = Image.objects.aggregate(bytes=Sum("bytes"))["bytes"] or 0
    return max(0, int(stored) - settings.STORAGE_BYTES)


def trash_surplus(_now: datetime) -> list[Image]:
    """What has to leave the trash before its time for everything to fit: the oldest there, no favourites."""
    over, found = bytes_over(), []
    trash = Image.objects.filter(deleted_at__isnull=False, favourite=False).order_by("deleted_at")
    for image in trash.only("pk", "bytes").iterator(chunk_size=BATCH) if over else ():
        if over <= 0:
            break
        found.append(image)
        over -= image.bytes
    return found


def trash_shrink(now: datetime) -> int:
    """Delete what ``trash_surplus`` says. Pictures in galleries are never touched. Returns how many went."""
    surplus = [image.pk for image in trash_surplus(now)]
    gone = 0
    for start in range(0, len(surplus), PURGE_BATCH):
        batch = surplus[start : start + PURGE_BATCH]
        with transaction.atomic():
            # Locked and asked again: what its owner takes back at this moment stays.
            trash = Image.objects.select_for_update().filter(pk__in=batch, deleted_at__isnull=False)
            gone += Image.objects.filter(pk__in=[image.pk for image in trash.only("pk")]).delete()[0]
    if over := bytes_over():
        logger.warning("Pictures take %d MiB more than SDWEB_STORAGE_GB; the trash is empty.", over // 2**20)
    return gone


RULES: Final = (
    Rule("old pictures put into the trash", lambda now: old_pictures(now).count(), old_pictures_trash),
    Rule(
        "pictures deleted that were in the trash long enough",
        lambda now: Image.objects.filter(deleted_at__lt=trash_cutoff(now)).count(),
        trash_purge,
    ),
    Rule(
        "pictures deleted from the trash early, for want of room",
        lambda now: len(trash_surplus(now)),
        trash_shrink,
    ),
)
