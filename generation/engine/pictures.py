"""Pictures on their way to another size."""

from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from generation.engine.spec import ResizeMode

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODES: Final = frozenset({"L", "RGB", "RGBA"})


def resized(
    image: Image.Image, width: int, height: int, mode: ResizeMode, *, nearest: bool = False
) -> Image.Image:
    """``image`` at ``width`` x ``height`` pixels, in mode L, RGB or RGBA (anything else becomes RGB).

    ``stretch`` distorts it, ``crop`` cuts its middle to the new shape, ``fill`` shows all of it in the middle
    and repeats the pixels of its borders outwards. Lanczos, or with ``nearest`` the nearest pixel by its
    centre, for maps whose colours mean something and must not be blended.
    """
    picture = image if image.mode in MODES else image.convert("RGB")
    filtering = Image.Resampling.NEAREST if nearest else Image.Resampling.LANCZOS
    if mode == "fill":
        inner = picture.resize(fitting(picture.size, width, height), filtering)
        return Image.fromarray(_extended(np.asarray(inner), width, height))
    box = _middle(picture.size, width / height) if mode == "crop" else None
    return picture.resize((width, height), filtering, box=box)


def fitting(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """The largest size of the shape of ``size`` that fits into ``width`` x ``height``; no side is below 1."""
    scale = min(width / size[0], height / size[1])
    return min(width, max(1, round(size[0] * scale))), min(height, max(1, round(size[1] * scale)))


def _middle(size: tuple[int, int], ratio: float) -> tuple[float, float, float, float]:
    """The largest centred box of width / height ``ratio``. It is cut in the source, while scaling: scaling
    first would make a picture of any size out of a long thin one.
    """
    width, height = min(size[0], size[1] * ratio), min(size[1], size[0] / ratio)
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, left + width, top + height


def _extended(inner: "NDArray[np.uint8]", width: int, height: int) -> "NDArray[np.uint8]":
    """``inner`` (height, width[, channels]) in the middle of a larger picture of its border pixels."""
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    margins = [(top, height - inner.shape[0] - top), (left, width - inner.shape[1] - left)]
    return np.pad(inner, margins + [(0, 0)] * (inner.ndim - 2), mode="edge")
