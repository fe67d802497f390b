"""Pictures as clients send them."""

import base64
import io
from typing import Any

from PIL import Image


def picture(width: int = 96, height: int = 64, mode: str = "RGB", colour: Any = None) -> Image.Image:
    """A gradient, so that turning and mirroring it shows."""
    if colour is not None:
        return Image.new(mode, (width, height), colour)
    across = Image.linear_gradient("L").resize((width, height)).rotate(90)
    return across.convert(mode)


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


def base64_of(image: Image.Image | None = None, form: str = "PNG", **options: Any) -> str:
    """As it stands in a message."""
    return base64.b64encode(encoded(image or picture(), form, **options)).decode()
