"""Files that no picture points at: left by a worker that was killed before it saved its rows."""

import logging
import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from gallery.models import Image
from gallery.storage import OWN_NAME, gallery_storage, id_time, keys_discard

logger = logging.getLogger(__name__)

GRACE: Final = timedelta(days=1)
"""Younger files may belong to a job that is about to save its rows."""
ALWAYS_ALLOWED: Final = 100
"""Orphans that are removed whatever their share; above, they must be fewer than the pictures that are in
order.
"""

_LEVELS: Final = (re.compile(r"\d{4}"), re.compile(r"\d{2}"), re.compile(r"\d{2}"))


def orphan_files_sweep(now: datetime) -> int:
    """Remove files of ours that have no row and are older than ``GRACE``. Returns how many went.

    Removes nothing when most of the files are orphans: then the storage more likely belongs to another
    database, or an old backup of this one was restored, and the pictures are wanted.
    """
    known = 0
    orphans: list[str] = []
    for folder in _day_folders():
        found = _own_files(folder, before=now - GRACE)
        ids = set(Image.objects.filter(pk__in=set(found.values())).values_list("pk", flat=True))
        known += len(ids)
        orphans += [key for key, image_id in found.items() if image_id not in ids]
    if len(orphans) > max(ALWAYS_ALLOWED, known):
        logger.error(
            "%d files in the storage have no picture in the database and only %d pictures have their files: "
            "nothing was removed. Is this the right database, or an old backup of it?",
            len(orphans),
            known,
        )
        return 0
    keys_discard(orphans)
    return len(orphans)


def _day_folders(prefix: str = "", level: int = 0) -> Iterator[str]:
    if level == len(_LEVELS):
        yield prefix
        return
    for name in _list(prefix)[0]:
        if _LEVELS[level].fullmatch(name):
            yield from _day_folders(f"{prefix}/{name}" if prefix else name, level + 1)


def _own_files(folder: str, *, before: datetime) -> dict[str, uuid.UUID]:
    found = {}
    for name in _list(folder)[1]:
        match = OWN_NAME.fullmatch(name)
        if match and id_time(image_id := uuid.UUID(match[1])) < before:
            found[f"{folder}/{name}"] = image_id
    return found


def _list(folder: str) -> tuple[list[str], list[str]]:
    try:
        folders, files = gallery_storage().listdir(folder)
    except FileNotFoundError:
        # The folder storage makes its root with the first file.
        return [], []
    return sorted(folders), sorted(files)
