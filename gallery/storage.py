"""Where files lie: names that we make ourselves, in whatever ``settings.STORAGES["default"]`` is."""

import logging
import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from django.core.files.storage import Storage, storages

logger = logging.getLogger(__name__)

OWN_NAME: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?:png|webp)")
"""File names that ``storage_key`` makes; nothing else in the storage is ours to delete."""


def gallery_storage() -> Storage:
    """A folder by default, an object store when ``STORAGES`` says so."""
    return storages["default"]


def storage_key(image_id: uuid.UUID, extension: str) -> str:
    """``yyyy/mm/dd/<id>.<extension>``, by the time inside the UUIDv7: the id alone leads to the file."""
    return f"{id_time(image_id):%Y/%m/%d}/{image_id}.{extension}"


def id_time(image_id: uuid.UUID) -> datetime:
    """When a UUIDv7 was made, in UTC: it begins with 48 bits of milliseconds (RFC 9562, section 5.7)."""
    return datetime.fromtimestamp((image_id.int >> 80) / 1000, tz=UTC)


def keys_discard(keys: Iterable[str]) -> None:
    """Delete files that nothing points at any more. A failure is logged and left to the sweep."""
    storage = gallery_storage()
    for key in keys:
        try:
            storage.delete(key)
        except Exception:  # every storage backend has errors of its own
            logger.exception(
                "A file could not be deleted from the storage; the sweep will try again: %s", key
            )
