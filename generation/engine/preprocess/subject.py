"""The picture that a preprocessor looks at, at the size at which it works."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.engine.spec import Parameter

Pixels = NDArray[np.uint8]
"""(height, width) or (height, width, channels): greys, RGB or RGBA."""
Greys = NDArray[np.float32]
"""(height, width)."""
MULTIPLE: Final = 64
"""What the sides are rounded to, as in A1111 and controlnet-aux: networks halve them up to six times."""
LONGEST: Final = 8192
"""Pixels of the longer side, so that a long thin picture cannot take any amount of memory."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What one map is made of."""

    pixels: Pixels
    """(height, width, 3), RGB."""
    parameters: Mapping[str, Parameter]
    """Complete and checked."""
    seed: int = 0
    mask: Pixels | None = None
    """(height, width), 255 where the picture shall be painted anew."""

    def number(self, name: str) -> float:
        return float(self.parameters[name])

    @property
    def side(self) -> int:
        """The shorter one, which is what detectors call their resolution."""
        return int(min(self.pixels.shape[:2]))


def working_size(size: tuple[int, int], resolution: int) -> tuple[int, int]:
    """Width and height in multiples of 64, the shorter one near ``resolution``, none above ``LONGEST``."""
    scale = min(resolution / min(size), LONGEST / max(size))
    width, height = (max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in size)
    return width, height


def opaque(image: Image.Image) -> Image.Image:
    """RGB; what is transparent shows white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    above = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), above).convert("RGB")


def pixels_at(image: Image.Image, resolution: int) -> Pixels:
    """(height, width, 3) RGB at ``working_size``, filtered as A1111 and controlnet-aux do it."""
    size = working_size(image.size, resolution)
    larger = min(size) > min(image.size)
    scaled = cv2.resize(
        np.asarray(opaque(image)), size, interpolation=cv2.INTER_LANCZOS4 if larger else cv2.INTER_AREA
    )
    return np.asarray(scaled, dtype=np.uint8)
