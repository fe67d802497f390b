"""What of a picture is painted, at which size, and how it comes back into the picture.

Inpainting "only masked" cuts the mask's surroundings out, paints them at the request's size and puts them
back; outpainting enlarges the picture first. All of it is done on pixels, before the first and after the
last latent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from generation.engine.pictures import resized
from generation.engine.spec import InitImage, Margins, Mask
from generation.engine.spec.limits import invalid

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom lie outside."""
_FILL_RADII: Final = (256, 64, 16, 4, 2, 1)
"""Of the blurs that spread the surroundings' colours into a masked area, from afar to near."""
_WHITE: Final = (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """A picture as the VAE gets it."""

    picture: Image.Image
    """RGB, of the request's size."""
    mask: Image.Image | None
    """Greyscale of the same size, white where it is painted anew; blurred as asked for."""
    finish: Callable[[Image.Image], Image.Image]
    """From the painted canvas to the finished picture."""


def canvas_for(init: InitImage, width: int, height: int) -> Canvas:
    """``init`` prepared for painting at ``width`` x ``height``.

    Raises ``EngineError("invalid_request")`` with field ``mask`` where there is nothing to paint, and with
    ``outpaint`` where the margins do not make a picture of that size.
    """
    picture = flattened(init.image)
    mask = _mask(init.mask, picture.size)
    if init.outpaint is not None and init.outpaint.any:
        picture = _fitted(picture, init.outpaint, width, height)
        picture, mask = _enlarged(picture, mask, init.outpaint, init.mask.blur if init.mask else 0)
    if mask is None:
        return Canvas(picture=resized(picture, width, height, init.resize_mode), mask=None, finish=_as_it_is)
    if init.mask is not None and init.mask.only_masked:
        return _cut_out(picture, mask, init.mask, width, height)
    picture = resized(picture, width, height, init.resize_mode)
    mask = resized(mask, width, height, init.resize_mode)
    return Canvas(
        picture=_prepared(picture, mask, init.mask),
        mask=mask,
        finish=lambda painted: Image.composite(painted, picture, mask),
    )


def flattened(image: Image.Image) -> Image.Image:
    """As RGB, on white where it is transparent."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (*_WHITE, 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _as_it_is(painted: Image.Image) -> Image.Image:
    return painted


def _mask(mask: Mask | None, size: tuple[int, int]) -> Image.Image | None:
    """White where it is painted, of the picture's size, blurred."""
    if mask is None:
        return None
    given = mask.image
    # A mask drawn on transparency: what was drawn counts, whatever its colour.
    grey = (
        given.getchannel("A") if given.mode in ("RGBA", "LA") and _says_nothing(given) else given.convert("L")
    )
    if grey.size != size:
        grey = grey.resize(size, Image.Resampling.BILINEAR)
    if mask.invert:
        grey = ImageOps.invert(grey)
    if grey.getextrema()[1] == 0:
        raise invalid("mask", "The mask is empty: nothing of the picture would be painted.")
    return grey.filter(ImageFilter.GaussianBlur(mask.blur)) if mask.blur else grey


def _says_nothing(given: Image.Image) -> bool:
    """Whether the colours of a picture with transparency are all black."""
    high: int = given.convert("RGB").convert("L").getextrema()[1]  # type: ignore[assignment]
    return high == 0


# --- Outpainting --------------------------------------------------------------------------------------------


def _fitted(picture: Image.Image, margins: Margins, width: int, height: int) -> Image.Image:
    """The picture at the size that the margins leave it."""
    inner = (width - margins.left - margins.right, height - margins.top - margins.bottom)
    if min(inner) < 8:
        raise invalid("outpaint", f"The margins leave nothing of a picture of {width} x {height} pixels.")
    return picture if picture.size == inner else resized(picture, *inner, "stretch")


def _enlarged(
    picture: Image.Image, mask: Image.Image | None, margins: Margins, blur: int
) -> tuple[Image.Image, Image.Image]:
    """The picture on a larger ground that continues its borders, and the mask of what is new."""
    width, height = picture.size
    pads = ((margins.top, margins.bottom), (margins.left, margins.right))
    # A picture can be mirrored only into margins that are narrower than it is.
    mirrored = max(pads[0]) < height and max(pads[1]) < width
    larger = Image.fromarray(
        np.pad(np.asarray(picture), (*pads, (0, 0)), mode="reflect" if mirrored else "edge")
    )
    new = Image.new("L", larger.size, 255)
    kept = Image.new("L", picture.size, 0)
    if mask is not None:
        kept = mask.resize(picture.size) if mask.size != picture.size else mask
    new.paste(kept, (margins.left, margins.top))
    return larger, new.filter(ImageFilter.GaussianBlur(blur)) if blur else new


# --- Only masked --------------------------------------------------------------------------------------------


def _cut_out(picture: Image.Image, mask: Image.Image, options: Mask, width: int, height: int) -> Canvas:
    box = region_box(mask, options.padding, width / height)
    part, part_mask = picture.crop(box), mask.crop(box)
    ground = part.resize((width, height), Image.Resampling.LANCZOS)
    ground_mask = part_mask.resize((width, height), Image.Resampling.BILINEAR)

    def finish(painted: Image.Image) -> Image.Image:
        whole = picture.copy()
        back = painted.resize(part.size, Image.Resampling.LANCZOS)
        whole.paste(Image.composite(back, part, part_mask), box[:2])
        return whole

    return Canvas(picture=_prepared(ground, ground_mask, options), mask=ground_mask, finish=finish)


def region_box(mask: Image.Image, padding: int, ratio: float) -> Box:
    """The box around what is not black in ``mask``, with ``padding`` pixels on each side, grown to ``ratio``
    (width / height) as far as the picture allows.
    """
    found = mask.getbbox()
    if found is None:
        raise invalid("mask", "The mask is empty: nothing of the picture would be painted.")
    left, top = max(0, found[0] - padding), max(0, found[1] - padding)
    right, bottom = min(mask.width, found[2] + padding), min(mask.height, found[3] + padding)
    wanted_width = max(right - left, round((bottom - top) * ratio))
    wanted_height = max(bottom - top, round((right - left) / ratio))
    left, right = _grown(left, right, wanted_width, mask.width)
    top, bottom = _grown(top, bottom, wanted_height, mask.height)
    return left, top, right, bottom


def _grown(low: int, high: int, length: int, limit: int) -> tuple[int, int]:
    """An interval grown to ``length`` around its middle, moved inside ``0..limit`` where it leaves it."""
    length = min(length, limit)
    low = max(0, low - (length - (high - low)) // 2)
    high = min(limit, low + length)
    return high - length, high


def _prepared(picture: Image.Image, mask: Image.Image, options: Mask | None) -> Image.Image:
    """With the surroundings' colours under the mask, where that was asked for."""
    return _filled(picture, mask) if options is not None and options.fill == "fill" else picture


def _filled(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The surroundings' colours spread into the mask: blurs of ever smaller radius, the near ones on top."""
    keep = ImageOps.invert(mask)
    seen = Image.merge(
        "RGBA", (*Image.composite(picture, Image.new("RGB", picture.size), keep).split(), keep)
    )
    layers = Image.new("RGBA", picture.size)
    premultiplied = seen.convert("RGBa")
    for radius in _FILL_RADII:
        blurred = premultiplied.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        layers = Image.alpha_composite(layers, blurred)
    spread = layers.convert("RGBa").convert("RGB")
    return Image.composite(spread, picture, mask)
