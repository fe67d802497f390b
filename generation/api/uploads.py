"""``/api/v1/uploads``: pictures sent in beforehand, for requests that name them."""

import uuid
from datetime import datetime
from typing import cast

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import File, Router, Schema, Status
from ninja.files import UploadedFile

from gallery.storage import gallery_storage
from generation.models import Upload
from generation.pictures import require_file_size
from generation.uploads import (
    PREFIX,
    picture_prepare,
    upload_delete,
    upload_get,
    uploads_discard,
    uploads_keep,
)
from sdweb.accounts.models import User

router = Router(tags=["uploads"])


class UploadOut(Schema):
    """A picture of mine that jobs may begin with."""

    id: uuid.UUID
    reference: str
    """What to send as `image`, `mask` and the like."""
    width: int
    height: int
    bytes: int
    created_at: datetime
    expires_at: datetime
    """Every use puts it off."""


def upload_out(upload: Upload) -> UploadOut:
    """The wire form."""
    return UploadOut(
        id=upload.pk,
        reference=f"{PREFIX}{upload.pk}",
        width=upload.width,
        height=upload.height,
        bytes=upload.bytes,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
    )


@router.post("", response={201: UploadOut}, operation_id="uploads_create", summary="Send a picture")
def uploads_create(request: HttpRequest, file: File[UploadedFile]) -> Status[UploadOut]:
    """PNG, JPEG, WebP or AVIF as `multipart/form-data`. It is turned upright and loses its metadata."""
    require_file_size(file.size or 0, field="file")
    user = _user(request)
    prepared = picture_prepare(user=user, content=file.read(), field="file")
    try:
        with transaction.atomic():
            (upload,) = uploads_keep(user=user, pictures=[prepared])
    except BaseException:
        uploads_discard([prepared])
        raise
    return Status(201, upload_out(upload))


@router.get("/{uuid:upload_id}", response=UploadOut, operation_id="uploads_get", summary="A picture I sent")
def uploads_get(request: HttpRequest, upload_id: uuid.UUID) -> UploadOut:
    """As long as it is kept."""
    return upload_out(upload_get(user=_user(request), upload_id=upload_id))


@router.get("/{uuid:upload_id}/content", operation_id="uploads_content", summary="The picture itself")
def uploads_content(request: HttpRequest, upload_id: uuid.UUID) -> HttpResponse:
    """As a PNG; only for whom it belongs to."""
    upload = upload_get(user=_user(request), upload_id=upload_id)
    with gallery_storage().open(upload.file_key) as file:
        response = HttpResponse(bytes(file.read()), content_type="image/png")
    response["Cache-Control"] = "private, max-age=86400, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@router.delete(
    "/{uuid:upload_id}", response={204: None}, operation_id="uploads_delete", summary="Delete it now"
)
def uploads_delete(request: HttpRequest, upload_id: uuid.UUID) -> Status[None]:
    """409 `upload_in_use` while a job of mine waits for it or runs."""
    upload_delete(user=_user(request), upload_id=upload_id)
    return Status(204, None)


def _user(request: HttpRequest) -> User:
    # The API's authentication has let in nobody else.
    return cast("User", request.user)
