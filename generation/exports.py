"""Pictures of the gallery as JPEG and WebP, made when asked for, with their recipes in EXIF."""

import io
import uuid
from typing import Final, Literal

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe
from PIL import Image as PillowImage

from gallery.media import CACHE_CONTROL, file_disposition, refusal_response, stored_content, visible_image
from generation.engine.errors import EngineError
from generation.engine.infotext import exif_write, texts_read
from sdweb.errors import PortalError, not_found

Format = Literal["jpg", "webp"]

QUALITY: Final = 95
MAX_SIDES: Final[dict[Format, int]] = {"jpg": 65_535, "webp": 16_383}
"""Pixels on a side, as the formats have it."""
CONTENT_TYPES: Final[dict[Format, str]] = {"jpg": "image/jpeg", "webp": "image/webp"}


@require_safe
def export(request: HttpRequest, image_id: uuid.UUID, extension: Format) -> HttpResponseBase:
    """The picture in another format, for whoever may see the original: by its link's query, or its owner."""
    try:
        image = visible_image(request, image_id, "png")
    except PortalError as error:
        return refusal_response(error)
    etag = quote_etag(f"{image.sha256}.export.{extension}")
    response = get_conditional_response(request, etag=etag)
    if response is None:
        try:
            content = picture_export(stored_content(image, "png"), extension)
        except FileNotFoundError:
            return refusal_response(not_found("This picture"))
        except PortalError as error:
            return refusal_response(error)
        response = HttpResponse(content, content_type=CONTENT_TYPES[extension])
        response["Content-Disposition"] = file_disposition(request, image, extension)
    response["ETag"] = etag
    response["Cache-Control"] = CACHE_CONTROL
    response["X-Content-Type-Options"] = "nosniff"
    return response


def picture_export(png: bytes, extension: Format) -> bytes:
    """One of our PNGs in another format, its texts in EXIF; JPEG shows transparency as white.

    Raises ``PortalError("too_large")`` for a picture that the format cannot hold.
    """
    with PillowImage.open(io.BytesIO(png), formats=("PNG",)) as picture:
        if max(picture.size) > MAX_SIDES[extension]:
            raise PortalError(
                "too_large",
                f"No {extension} file can be {picture.width} x {picture.height} pixels large.",
                hint="Download the PNG.",
                status=422,
            )
        buffer = io.BytesIO()
        exif = _exif(png)
        if extension == "jpg":
            _opaque(picture).save(buffer, "JPEG", quality=QUALITY, subsampling=0, exif=exif)
        else:
            picture.save(buffer, "WEBP", quality=QUALITY, exif=exif)
    return buffer.getvalue()


def _opaque(picture: PillowImage.Image) -> PillowImage.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = PillowImage.new("RGBA", picture.size, "white")
    white.alpha_composite(picture.convert("RGBA"))
    return white.convert("RGB")


def _exif(png: bytes) -> bytes:
    texts = texts_read(png)
    try:
        return exif_write(texts.get("parameters", ""), texts.get("recipe", ""))
    except EngineError:
        # Longer than EXIF can be: the picture is still what was asked for, and the PNG has the texts.
        return b""
