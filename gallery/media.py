"""The files themselves, under ``/outputs/``: for their owner, or for who holds a signed link."""

import uuid
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, quote_etag
from django.views.decorators.http import require_safe

from gallery.links import Extension, signature_is_valid
from gallery.models import Image
from gallery.storage import gallery_storage
from sdweb.accounts.authentication import viewer
from sdweb.errors import PortalError, not_found

CONTENT_TYPES: Final[dict[Extension, str]] = {"png": "image/png", "webp": "image/webp"}

# An id names the same bytes for ever; a day is what a picture deleted elsewhere may linger in a browser.
CACHE_CONTROL: Final = "private, max-age=86400, immutable"


@require_safe
def output(request: HttpRequest, image_id: uuid.UUID, extension: Extension) -> HttpResponseBase:
    """A stored file. What does not exist, is not yours, or whose link has expired is the same 404."""
    try:
        image = visible_image(request, image_id, extension)
    except PortalError as error:
        return refusal_response(error)
    etag = quote_etag(f"{image.sha256}.{extension}")
    response = get_conditional_response(request, etag=etag)
    if response is None:
        try:
            content = stored_content(image, extension)
        except FileNotFoundError:
            return refusal_response(not_found("This picture"))
        response = HttpResponse(content, content_type=CONTENT_TYPES[extension])
        response["Content-Disposition"] = file_disposition(request, image, extension)
    response["ETag"] = etag
    response["Cache-Control"] = CACHE_CONTROL
    response["X-Content-Type-Options"] = "nosniff"
    return response


def visible_image(request: HttpRequest, image_id: uuid.UUID, extension: Extension) -> Image:
    """The picture, if this request may see its file: by a signed link, or by its owner's session or token.

    Raises ``not_found``, the same for what does not exist and for what is not yours, and what ``viewer``
    does.
    """
    image = (
        Image.objects.filter(pk=image_id)
        .only(
            "id",
            "owner_id",
            "index",
            "seed",
            "sha256",
            "file_key",
            "thumbnail_key",
            "deleted_at",
            "created_at",
        )
        .first()
    )
    if image is None:
        raise not_found("This picture")
    signed = signature_is_valid(
        image_id,
        extension,
        expires=request.GET.get("expires", ""),
        signature=request.GET.get("signature", ""),
    )
    # A link ends when its picture goes to the trash; the owner still sees what lies there.
    if signed and image.deleted_at is None:
        return image
    user = viewer(request)
    if user is None or user.pk != image.owner_id:
        raise not_found("This picture")
    return image


def stored_content(image: Image, extension: Extension) -> bytes:
    """A file of the picture. Raises ``FileNotFoundError``."""
    with gallery_storage().open(image.file_key if extension == "png" else image.thumbnail_key) as file:
        return bytes(file.read())


def file_disposition(request: HttpRequest, image: Image, extension: str) -> str:
    """What the file is called, and whether it is to be saved (``?download=1``)."""
    name = f"{image.created_at:%Y%m%d-%H%M%S}_{image.seed}_{image.index}.{extension}"
    header = content_disposition_header(as_attachment=request.GET.get("download") == "1", filename=name)
    return header or "inline"


def refusal_response(error: PortalError) -> HttpResponse:
    """What is answered instead of a file; nothing keeps it."""
    return JsonResponse(error.as_dict(), status=error.status, headers={"Cache-Control": "no-store"})
