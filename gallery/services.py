"""Everything that changes pictures."""

import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from PIL.Image import Image as Picture

from gallery.encoding import png_encode, thumbhash_encode, thumbnail_encode
from gallery.models import Image
from gallery.storage import gallery_storage, keys_discard, storage_key
from sdweb.accounts.models import User
from sdweb.errors import PortalError, not_found
from sdweb.ids import uuid7

RECIPE_VERSION: Final = 1
PURGE_BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class NewImage:
    """A picture that an engine made and nobody stored yet."""

    index: int
    """Place in the job's batch, from 0."""
    image: Picture
    infotext: str
    """The ``parameters`` text for the PNG."""
    seed: int
    recipe: Mapping[str, Any]
    """JSON-ready; ``version`` and ``seed`` are filled in here."""
    task: str = ""
    """Empty for the job's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """Files in the storage that have no row yet: for ``images_create`` or ``image_files_discard``."""

    id: uuid.UUID
    index: int
    seed: int
    recipe: dict[str, Any]
    width: int
    height: int
    file_key: str
    thumbnail_key: str
    bytes: int
    sha256: str
    thumbhash: str
    task: str = ""


@dataclass(frozen=True, slots=True)
class _Encoded:
    stored: StoredImage
    png: bytes
    thumbnail: bytes


def image_files_write(*, images: Sequence[NewImage]) -> list[StoredImage]:
    """Encode the pictures and write them to the storage under names of our own; all of them or none.

    Raises ``PortalError("storage_failed")`` after removing what it had written.
    """
    encoded = [_encode(new) for new in images]
    storage = gallery_storage()
    written: list[str] = []
    try:
        for one in encoded:
            for key, content in ((one.stored.file_key, one.png), (one.stored.thumbnail_key, one.thumbnail)):
                # Noted before the attempt: a backend may fail after it has begun to write.
                written.append(key)
                storage.save(key, ContentFile(content))
    except Exception as error:  # every storage backend has errors of its own
        keys_discard(written)
        raise PortalError(
            "storage_failed",
            "The pictures could not be stored.",
            hint="The administrator should look at the storage: is it full, or out of reach?",
            status=503,
        ) from error
    return [one.stored for one in encoded]


def _encode(new: NewImage) -> _Encoded:
    image_id = uuid7()
    recipe = {**new.recipe, "version": RECIPE_VERSION, "seed": new.seed}
    png = png_encode(new.image, infotext=new.infotext, recipe=recipe)
    stored = StoredImage(
        id=image_id,
        index=new.index,
        seed=new.seed,
        recipe=recipe,
        width=new.image.width,
        height=new.image.height,
        file_key=storage_key(image_id, "png"),
        thumbnail_key=storage_key(image_id, "webp"),
        bytes=len(png),
        sha256=hashlib.sha256(png).hexdigest(),
        thumbhash=thumbhash_encode(new.image),
        task=new.task,
    )
    return _Encoded(stored=stored, png=png, thumbnail=thumbnail_encode(new.image))


def image_files_discard(stored: Sequence[StoredImage]) -> None:
    """Remove files whose job turned out to be somebody else's by now. Never raises."""
    keys_discard(key for one in stored for key in (one.file_key, one.thumbnail_key))


def images_create(
    *, owner_id: int, job_id: uuid.UUID, task: str, stored: Sequence[StoredImage]
) -> list[Image]:
    """Rows for stored files, inside the caller's transaction; all of them or none.

    Raises ``PortalError("images_exist")`` when this job already has one of these pictures; the transaction
    stays usable.
    """
    rows = [_row(owner_id=owner_id, job_id=job_id, task=task, stored=one) for one in stored]
    try:
        with transaction.atomic():
            return Image.objects.bulk_create(rows)
    except IntegrityError as error:
        if not Image.objects.filter(job_id=job_id, index__in=[one.index for one in stored]).exists():
            raise
        raise PortalError(
            "images_exist", "The pictures of this job are stored already.", status=409
        ) from error


def _row(*, owner_id: int, job_id: uuid.UUID, task: str, stored: StoredImage) -> Image:
    prompt = str(stored.recipe.get("prompt", ""))
    return Image(
        id=stored.id,
        owner_id=owner_id,
        job_id=job_id,
        index=stored.index,
        task=stored.task or task,
        prompt=prompt,
        prompt_folded=prompt.casefold(),
        negative_prompt=str(stored.recipe.get("negative_prompt", "")),
        seed=stored.seed,
        width=stored.width,
        height=stored.height,
        model_name=str(stored.recipe.get("model", ""))[:255],
        model_hash=str(stored.recipe.get("model_hash", ""))[:64],
        recipe=stored.recipe,
        file_key=stored.file_key,
        thumbnail_key=stored.thumbnail_key,
        bytes=stored.bytes,
        sha256=stored.sha256,
        thumbhash=stored.thumbhash,
    )


def image_set_favourite(*, image_id: uuid.UUID, user: User, favourite: bool) -> Image:
    """Raises ``not_found`` for what is not in this person's gallery."""
    if not Image.objects.filter(pk=image_id, owner=user, deleted_at=None).update(favourite=favourite):
        raise not_found("This picture")
    return Image.objects.get(pk=image_id)


def image_trash(*, image_id: uuid.UUID, user: User) -> None:
    """Put a picture into the trash; one that is there already stays as long as it would have."""
    mine = Image.objects.filter(pk=image_id, owner=user)
    if not mine.filter(deleted_at=None).update(deleted_at=timezone.now()) and not mine.exists():
        raise not_found("This picture")


def image_restore(*, image_id: uuid.UUID, user: User) -> Image:
    """Take a picture back out of the trash, within the retention time."""
    mine = Image.objects.filter(pk=image_id, owner=user)
    # Only rows that the purge may not touch yet: otherwise it could delete what was just restored.
    if not mine.filter(deleted_at__gte=trash_cutoff(timezone.now())).update(deleted_at=None):
        mine = mine.filter(deleted_at=None)
    found = mine.first()
    if found is None:
        raise not_found("This picture")
    return found


def own_images_trash(*, user: User, image_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Several of this person's pictures into the trash. Returns those that lie there now; ids of others, or
    of nothing, are left out.
    """
    mine = Image.objects.filter(pk__in=image_ids, owner=user)
    images_trash(images=mine)
    return list(mine.filter(deleted_at__isnull=False).values_list("pk", flat=True))


def own_images_restore(*, user: User, image_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Several out of the trash, within the retention time. Returns those that are in the gallery now."""
    mine = Image.objects.filter(pk__in=image_ids, owner=user)
    images_restore(images=mine)
    return list(mine.filter(deleted_at=None).values_list("pk", flat=True))


def own_images_set_favourite(
    *, user: User, image_ids: Collection[uuid.UUID], favourite: bool
) -> list[uuid.UUID]:
    """Several marked, or not any more. Returns those of the gallery that it holds for now."""
    mine = Image.objects.filter(pk__in=image_ids, owner=user, deleted_at=None)
    mine.update(favourite=favourite)
    return list(mine.filter(favourite=favourite).values_list("pk", flat=True))


def images_trash(*, images: QuerySet[Image]) -> int:
    """An administrator's: pictures of whomever go to the trash. Returns how many were not there yet."""
    return images.filter(deleted_at=None).update(deleted_at=timezone.now())


def images_restore(*, images: QuerySet[Image]) -> int:
    """An administrator's: back out of the trash, within the retention time. Returns how many came back."""
    return images.filter(deleted_at__gte=trash_cutoff(timezone.now())).update(deleted_at=None)


def trash_purge(now: datetime) -> int:
    """Delete for good what has been in the trash for ``SDWEB_TRASH_DAYS`` days. Returns how many pictures
    went.

    The files follow their rows when the transaction commits, see ``gallery.signals``.
    """
    expired = Image.objects.filter(deleted_at__lt=trash_cutoff(now))
    purged = 0
    while ids := list(expired.order_by("deleted_at").values_list("pk", flat=True)[:PURGE_BATCH]):
        with transaction.atomic():
            expired.filter(pk__in=ids).delete()
        purged += len(ids)
    return purged


def trash_cutoff(now: datetime) -> datetime:
    """What went to the trash before then is to go for good."""
    return now - timedelta(days=settings.TRASH_DAYS)
