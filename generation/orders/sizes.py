"""The size of a picture that nobody named."""

import math

from generation.engine import spec
from generation.schemas import GenerateIn, invalid_field


def size_for(request: GenerateIn, native: int, picture: tuple[int, int] | None) -> tuple[int, int]:
    """Width and height in pixels: those asked for, or the model's native ones.

    A request that begins with a picture (``picture``: its width and height) and names no size gets the
    picture's shape at the native size's area; outpainting adds its margins. One side that is named leaves the
    other at its native size. Raises ``PortalError`` where the margins make it too large.
    """
    side = _side(native)
    if request.width or request.height or picture is None or request.task == "adetailer":
        return request.width or side, request.height or side
    width, height = _shaped(picture, side)
    if request.outpaint is None:
        return width, height
    margins = request.outpaint
    width, height = width + margins.left + margins.right, height + margins.top + margins.bottom
    if max(width, height) > spec.MAX_SIDE:
        what = f"with its margins the picture is {width} x {height}; {spec.MAX_SIDE} are allowed on a side"
        raise invalid_field("outpaint", what, hint="Name a size, or make the margins smaller.")
    return width, height


def _shaped(picture: tuple[int, int], side: int) -> tuple[int, int]:
    ratio = math.sqrt(picture[0] / picture[1])
    return _side(side * ratio), _side(side / ratio)


def _side(pixels: float) -> int:
    whole = round(pixels / spec.SIDE_MULTIPLE) * spec.SIDE_MULTIPLE
    return min(max(whole, spec.MIN_SIDE), spec.MAX_SIDE)
