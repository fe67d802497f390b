"""Pictures to bytes: the PNG with its recipe inside, the thumbnail, the placeholder."""

import base64
import io
import json
from collections.abc import Mapping
from typing import Any, Final

from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo
from thumbhash import rgba_to_thumb_hash  # type: ignore[import-untyped]

THUMBNAIL_SIDE: Final = 512
"""Longest side of a thumbnail, in pixels."""
THUMBNAIL_QUALITY: Final = 80
THUMBHASH_SIDE: Final = 32
"""ThumbHash keeps seven frequencies per axis at most, so 32 pixels lose nothing; its encoder is slow."""

INFOTEXT_KEY: Final = "parameters"
RECIPE_KEY: Final = "recipe"


def png_encode(image: PillowImage.Image, *, infotext: str, recipe: Mapping[str, Any]) -> bytes:
    """A PNG with two text chunks: ``parameters``, which every image UI reads, and ``recipe``, our versioned
    JSON.
    """
    info = PngInfo()
    # add_text falls back to iTXt (UTF-8) by itself when the text is not Latin-1.
    info.add_text(INFOTEXT_KEY, infotext)
    info.add_text(RECIPE_KEY, json.dumps(recipe, separators=(",", ":"), sort_keys=True, allow_nan=False))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


def thumbnail_encode(image: PillowImage.Image) -> bytes:
    """A WebP of at most ``THUMBNAIL_SIDE`` pixels; never larger than the picture."""
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), PillowImage.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="WEBP", quality=THUMBNAIL_QUALITY, method=2)
    return buffer.getvalue()


def thumbhash_encode(image: PillowImage.Image) -> str:
    """A placeholder of about 28 bytes (https://evanw.github.io/thumbhash/), in base64."""
    small = image.convert("RGB").convert("RGBA")
    small.thumbnail((THUMBHASH_SIDE, THUMBHASH_SIDE), PillowImage.Resampling.BOX)
    hashed = rgba_to_thumb_hash(small.width, small.height, list(small.tobytes()))
    return base64.b64encode(bytes(hashed)).decode("ascii")
