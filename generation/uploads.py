"""The store of pictures that people send in: checked first, all of a request's together, and then kept.

    value on the wire ──pictures_prepare──▶ Prepared ──uploads_keep──▶ Upload ◀──upload_read── worker

Files come before their rows and go after them, under names of our own. Nobody but the owner reaches them.
"""

import hashlib
import io
import logging
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone
from PIL import Image as Pictures

from gallery.models import Image
from gallery.selectors import image_get
from gallery.storage import gallery_storage, id_time, keys_discard
from generation.models import ACTIVE_STATES, Upload
from generation.pictures import base64_bytes, picture_read, picture_size, png_write
from sdweb.accounts.models import User
from sdweb.errors import PortalError, not_found
from sdweb.ids import uuid7

logger = logging.getLogger(__name__)

FOLDER: Final = "uploads"
PREFIX: Final = "upload:"
"""Before an id, where a field names a picture."""
PURGE_BATCH: Final = 200
GRACE: Final = timedelta(days=1)
"""Younger files may belong to a row that is about to be saved."""

_REFERENCE: Final = re.compile(r"(upload|image):([0-9a-fA-F-]{32,36})")
_OWN_NAME: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.png")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A picture that may be used: kept already, or ready to be."""

    id: uuid.UUID
    sha256: str
    width: int
    height: int
    png: bytes | None = None
    """None: it is kept already."""
    source: Image | None = None
    """The picture of the gallery that it is a copy of."""

    @property
    def reference(self) -> str:
        """How parameters name it."""
        return f"{PREFIX}{self.id}"

    @property
    def file_key(self) -> str:
        """The name in the storage."""
        return f"{FOLDER}/{id_time(self.id):%Y/%m/%d}/{self.id}.png"


def pictures_prepare(*, user: User, values: Mapping[str, str]) -> dict[str, Prepared]:
    """The pictures of a request by the fields that name them: base64, ``upload:<id>`` or ``image:<id>``.

    Stores nothing. Raises ``PortalError`` that names the field: ``bad_picture``, ``picture_too_large``, and
    ``not_found`` for what is not this person's.
    """
    known: dict[str, Prepared] = {}
    for field, value in values.items():
        if value not in known:
            known[value] = _prepare(user, value, field)
    return {field: known[value] for field, value in values.items()}


def pictures_measure(*, user: User, values: Mapping[str, str]) -> dict[str, Prepared]:
    """The same for a question: sizes alone, without decoding anything. What comes back cannot be kept.

    Raises as ``pictures_prepare``, but for files whose header is right and whose rest is damaged.
    """
    return {
        field: _find(user, value, field, _measured, lambda image, _: _sized(image))
        for field, value in values.items()
    }


def _prepare(user: User, value: str, field: str) -> Prepared:
    return _find(
        user,
        value,
        field,
        lambda content, at: picture_prepare(user=user, content=content, field=at),
        lambda image, at: _from_gallery(user, image, at),
    )


def _find(
    user: User,
    value: str,
    field: str,
    of_bytes: Callable[[bytes, str], Prepared],
    of_image: Callable[[Image, str], Prepared],
) -> Prepared:
    reference = _REFERENCE.fullmatch(value)
    try:
        if reference is None:
            return of_bytes(base64_bytes(value, field=field), field)
        if reference[1] == "upload":
            return _kept(upload_get(user=user, upload_id=_uuid(reference[2])))
        return of_image(image_get(user=user, image_id=_uuid(reference[2])), field)
    except PortalError as error:
        if error.code == "not_found":
            error.fields = {field: "not found"}
        raise


def _measured(content: bytes, field: str) -> Prepared:
    width, height = picture_size(content, field=field)
    return Prepared(id=uuid7(), sha256="", width=width, height=height)


def _sized(image: Image) -> Prepared:
    return Prepared(id=uuid7(), sha256="", width=image.width, height=image.height, source=image)


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise not_found("This picture") from None


def _from_gallery(user: User, image: Image, field: str) -> Prepared:
    try:
        with gallery_storage().open(image.file_key) as file:
            prepared = picture_prepare(user=user, content=bytes(file.read()), field=field)
    except FileNotFoundError:
        raise not_found("This picture") from None
    return Prepared(
        id=prepared.id,
        sha256=prepared.sha256,
        width=prepared.width,
        height=prepared.height,
        png=prepared.png,
        source=image,
    )


def picture_prepare(*, user: User, content: bytes, field: str) -> Prepared:
    """A file's bytes, decoded and encoded anew; what this person has sent before is not decoded again."""
    sha256 = hashlib.sha256(content).hexdigest()
    known = Upload.objects.filter(owner=user, sha256=sha256, expires_at__gt=timezone.now()).first()
    if known is not None:
        return _kept(known)
    picture = picture_read(content, field=field)
    width, height = picture.size
    return Prepared(id=uuid7(), sha256=sha256, width=width, height=height, png=png_write(picture))


def _kept(upload: Upload) -> Prepared:
    return Prepared(id=upload.pk, sha256=upload.sha256, width=upload.width, height=upload.height)


def uploads_keep(*, user: User, pictures: Iterable[Prepared]) -> list[Upload]:
    """Store what is new and put off the end of what is not, inside the caller's transaction.

    Raises ``PortalError``: ``uploads_full``, ``storage_failed``, and ``not_found`` where one has just ended;
    then no file is left behind. A caller whose transaction fails later calls ``uploads_discard``.
    """
    distinct = {picture.id: picture for picture in pictures}.values()
    new = [picture for picture in distinct if picture.png is not None]
    old = [picture.id for picture in distinct if picture.png is None]
    expires_at = timezone.now() + timedelta(days=settings.UPLOAD_DAYS)
    if Upload.objects.filter(pk__in=old, owner=user).update(expires_at=expires_at) != len(old):
        raise not_found("One of the pictures")
    _require_room(user, new)
    _files_write(new)
    rows = [
        Upload(
            id=picture.id,
            owner=user,
            sha256=picture.sha256,
            width=picture.width,
            height=picture.height,
            file_key=picture.file_key,
            bytes=len(picture.png or b""),
            expires_at=expires_at,
        )
        for picture in new
    ]
    return [*Upload.objects.filter(pk__in=old), *Upload.objects.bulk_create(rows)]


def uploads_discard(pictures: Iterable[Prepared]) -> None:
    """Remove the files of a request that was not stored after all. Never raises."""
    keys_discard(picture.file_key for picture in pictures if picture.png is not None)


def _require_room(user: User, new: Iterable[Prepared]) -> None:
    wanted = sum(len(picture.png or b"") for picture in new)
    taken = Upload.objects.filter(owner=user).aggregate(bytes=Sum("bytes"))["bytes"] or 0
    if wanted and taken + wanted > settings.UPLOADS_BYTES:
        raise PortalError(
            "uploads_full",
            f"What you sent may take {settings.UPLOADS_BYTES // 2**20} MiB, and there is no room for more.",
            hint=f"Delete some, or wait: each goes {settings.UPLOAD_DAYS:g} days after its last use.",
            status=409,
        )


def _files_write(new: Iterable[Prepared]) -> None:
    storage = gallery_storage()
    written: list[str] = []
    try:
        for picture in new:
            written.append(picture.file_key)
            storage.save(picture.file_key, ContentFile(picture.png or b""))
    except Exception as error:  # every storage backend has errors of its own
        keys_discard(written)
        raise PortalError(
            "storage_failed",
            "The picture could not be stored.",
            hint="The administrator should look at the storage: is it full, or out of reach?",
            status=503,
        ) from error


def upload_get(*, user: User, upload_id: uuid.UUID) -> Upload:
    """Raises ``not_found`` for what is not this person's, or not any more."""
    found = Upload.objects.filter(pk=upload_id, owner=user, expires_at__gt=timezone.now()).first()
    if found is None:
        raise not_found("This picture")
    return found


def upload_delete(*, user: User, upload_id: uuid.UUID) -> None:
    """End a picture now. Raises ``not_found``, and ``upload_in_use`` while a job waits for it or runs."""
    upload = upload_get(user=user, upload_id=upload_id)
    if not _delete_unused(Upload.objects.filter(pk=upload.pk)):
        raise PortalError("upload_in_use", "A job of yours still needs this picture.", status=409)


def upload_read(reference: str) -> Pictures.Image:
    """The picture that a job's parameters name. Raises ``PortalError("input_gone")``."""
    try:
        upload = Upload.objects.get(pk=reference.removeprefix(PREFIX))
        with gallery_storage().open(upload.file_key) as file:
            picture = Pictures.open(io.BytesIO(file.read()), formats=("PNG",))
            picture.load()
            return picture
    except (Upload.DoesNotExist, FileNotFoundError):
        raise PortalError(
            "input_gone",
            "A picture that this job begins with is not kept any more.",
            hint="Send it again with a new request.",
            status=410,
        ) from None


def uploads_purge(now: datetime) -> int:
    """Delete what has expired and no unfinished job needs. Returns how many pictures went."""
    purged = 0
    while gone := _delete_unused(Upload.objects.filter(expires_at__lt=now)):
        purged += gone
    return purged


@transaction.atomic
def _delete_unused(uploads: QuerySet[Upload]) -> int:
    # Locked: a job that is submitted at this moment either keeps its pictures or finds them gone.
    unused = uploads.exclude(jobs__state__in=ACTIVE_STATES).select_for_update(of=("self",))
    ids = [upload.pk for upload in unused[:PURGE_BATCH]]
    Upload.objects.filter(pk__in=ids).delete()
    return len(ids)


def orphan_uploads_sweep(now: datetime) -> int:
    """Remove files of the store that have no row and are older than ``GRACE``. Returns how many went."""
    orphans = []
    for folder in _folders(FOLDER, 3):
        found = {
            f"{folder}/{name}": uuid.UUID(match[1])
            for name in _listed(folder)[1]
            if (match := _OWN_NAME.fullmatch(name))
        }
        known = set(Upload.objects.filter(pk__in=found.values()).values_list("pk", flat=True))
        orphans += [key for key, id_ in found.items() if id_ not in known and id_time(id_) < now - GRACE]
    keys_discard(orphans)
    return len(orphans)


def _folders(prefix: str, depth: int) -> list[str]:
    if depth == 0:
        return [prefix]
    return [
        folder
        for name in _listed(prefix)[0]
        if name.isdecimal()
        for folder in _folders(f"{prefix}/{name}", depth - 1)
    ]


def _listed(folder: str) -> tuple[list[str], list[str]]:
    try:
        folders, files = gallery_storage().listdir(folder)
    except FileNotFoundError:
        return [], []
    return sorted(folders), sorted(files)
