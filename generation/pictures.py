"""Pictures from strangers: bounded before they are decoded, and encoded anew, so that only pixels stay.

Needs no database; ``uploads`` keeps them.
"""

import base64
import binascii
import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from generation.engine.errors import EngineError
from generation.engine.spec.limits import require_picture
from sdweb.errors import PortalError

FORMATS: Final = ("PNG", "JPEG", "WEBP", "AVIF")
"""What Pillow may try: its other readers are never asked."""
COMPRESSION: Final = 1
"""zlib's fastest: these files live for days, and somebody waits."""

_DATA_ADDRESS: Final = re.compile(r"data:image/[\w.+-]{1,40};base64,")
_LYING: Final = (5, 6, 7, 8)
"""Orientations of EXIF whose pictures stand on their side."""
_decoding: Final = threading.BoundedSemaphore(2)
"""A picture of the largest size takes 256 MiB while it is decoded; requests come in many threads."""


def base64_bytes(text: str, *, field: str) -> bytes:
    """The bytes of base64 text, with or without ``data:image/...;base64,`` before it.

    Raises ``PortalError("bad_picture")``.
    """
    start = _DATA_ADDRESS.match(text)
    encoded = text[start.end() :] if start else text
    if len(encoded) > settings.UPLOAD_MAX_BYTES * 4 // 3 + 4:
        raise _too_large(field)
    try:
        # Lines of 76 characters are base64 too (RFC 2045).
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise bad_picture(field, "it is not base64") from None


def picture_read(content: bytes, *, field: str) -> Image.Image:
    """An upright picture in mode L, RGB or RGBA: the first frame, without metadata.

    Raises ``PortalError``: ``picture_too_large`` or ``bad_picture``, both naming ``field``.
    """
    with _opened(content, field) as picture, _decoding:
        picture.load()
        return _plain(ImageOps.exif_transpose(picture))


def picture_size(content: bytes, *, field: str) -> tuple[int, int]:
    """Width and height of what ``picture_read`` would return, from the header alone: the rest may be damaged.

    Raises as that one does.
    """
    with _opened(content, field) as picture:
        width, height = picture.size
        lies = picture.getexif().get(ExifTags.Base.Orientation) in _LYING
        return (height, width) if lies else (width, height)


@contextmanager
def _opened(content: bytes, field: str) -> Iterator[Image.Image]:
    require_file_size(len(content), field=field)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            require_picture(field, picture)  # the header alone has been read
            yield picture
    except EngineError as error:
        raise PortalError(
            "picture_too_large", error.message, hint=error.hint, fields={field: error.message}, status=422
        ) from None
    except UnidentifiedImageError:
        raise bad_picture(field, "it is no picture in PNG, JPEG, WebP or AVIF") from None
    except Image.DecompressionBombError:
        raise bad_picture(field, "it has more pixels than any picture that is worked on") from None
    except Exception as error:  # Pillow's readers raise whatever the broken file leads them to
        raise bad_picture(field, "it is damaged or incomplete") from error


def require_file_size(size: int, *, field: str) -> None:
    """Raise ``PortalError("picture_too_large")`` for a file of more bytes than may be sent."""
    if size > settings.UPLOAD_MAX_BYTES:
        raise _too_large(field)


def png_write(picture: Image.Image) -> bytes:
    """For our own storage."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=COMPRESSION)
    return buffer.getvalue()


def bad_picture(field: str, what: str) -> PortalError:
    """The error of a picture that cannot be used."""
    return PortalError(
        "bad_picture",
        f"{field}: {what}",
        hint="Send a PNG, JPEG, WebP or AVIF.",
        fields={field: what},
        status=422,
    )


def _plain(picture: Image.Image) -> Image.Image:
    """Without palettes, 16 bits, CMYK and metadata; transparency is kept."""
    transparent = picture.has_transparency_data
    if picture.mode.startswith("I") or picture.mode == "F":
        # 16 bits of grey: Pillow would cut off what is above 255.
        plain = picture.convert("I").point(lambda value: value / 257).convert("L")
    elif transparent:
        plain = picture.convert("RGBA")
    else:
        plain = picture.convert("L" if picture.mode in ("L", "1") else "RGB")
    plain = plain.copy()
    plain.info = {}
    return plain


def _too_large(field: str) -> PortalError:
    limit = f"at most {settings.UPLOAD_MAX_BYTES // 2**20} MiB are allowed"
    return PortalError(
        "picture_too_large",
        f"{field}: {limit}",
        hint="Send a smaller picture, or one that is compressed more.",
        fields={field: limit},
        status=422,
    )
