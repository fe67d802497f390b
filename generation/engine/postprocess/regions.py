"""From what a detector found to the masks that are painted anew, as ADetailer understands its options.

A mask is a picture of mode L, as large as the picture it belongs to: 255 is repainted, 0 kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageDraw

from generation.engine.spec import Detailing, limits
from generation.engine.spec.postprocess import MergeMode

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels; right and bottom are outside."""


@dataclass(frozen=True, slots=True)
class Region:
    """One thing that a detector found."""

    box: Box
    mask: Image.Image
    score: float
    """How sure the detector is, 0 to 1."""
    label: str

    @property
    def area(self) -> float:
        """Of the box, in pixels."""
        left, top, right, bottom = self.box
        return max(0.0, right - left) * max(0.0, bottom - top)


def detailing_masks(regions: Iterable[Region], options: Detailing) -> list[Image.Image]:
    """The masks to paint one by one: of the right size, the surest ``top_k``, moved, grown, merged."""
    chosen = regions_surest(
        regions_by_ratio(regions, options.min_ratio, options.max_ratio),
        options.top_k or limits.MAX_DETECTIONS,
    )
    masks = [mask_offset(region.mask, options.offset_x, options.offset_y) for region in chosen]
    masks = [mask_dilate(mask, options.dilate) for mask in masks]
    return masks_merge([mask for mask in masks if mask.getbbox()], options.merge)


def regions_by_ratio(regions: Iterable[Region], low: float, high: float) -> list[Region]:
    """Those whose box is at least ``low`` and at most ``high`` of the picture's area."""
    return [
        region for region in regions if low <= region.area / (region.mask.width * region.mask.height) <= high
    ]


def regions_surest(regions: Iterable[Region], count: int) -> list[Region]:
    """The ``count`` surest, surest first."""
    return sorted(regions, key=lambda region: -region.score)[:count]


def box_mask(size: tuple[int, int], box: Box) -> Image.Image:
    """The mask of a box: every pixel whose middle is inside."""
    mask = Image.new("L", size)
    left, top, right, bottom = (round(value) for value in box)
    if right > left and bottom > top:
        ImageDraw.Draw(mask).rectangle((left, top, right - 1, bottom - 1), fill=255)
    return mask


def mask_offset(mask: Image.Image, x: int, y: int) -> Image.Image:
    """Moved by ``x`` pixels to the right and ``y`` upwards; what leaves the picture is gone."""
    moved = Image.new("L", mask.size)
    moved.paste(mask, (x, -y))
    return moved


def mask_dilate(mask: Image.Image, side: int) -> Image.Image:
    """Grown by a square of ``side`` pixels, or shrunk by one of ``-side``: ``side - 1`` pixels wider and
    higher, as in ADetailer.
    """
    if side == 0:
        return mask
    change = cv2.dilate if side > 0 else cv2.erode
    return Image.fromarray(change(np.asarray(mask), np.ones((abs(side), abs(side)), np.uint8)))


def masks_merge(masks: Sequence[Image.Image], mode: MergeMode) -> list[Image.Image]:
    """The masks as they are, or one of all together, or its inverse. No masks stay none."""
    if mode == "none" or not masks:
        return list(masks)
    merged = masks[0]
    for mask in masks[1:]:
        merged = ImageChops.lighter(merged, mask)
    return [merged if mode == "merge" else ImageChops.invert(merged)]
