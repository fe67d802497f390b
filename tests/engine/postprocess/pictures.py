"""Pictures drawn for the tests: flat art with clear outlines, as the demo family knows it."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

FINE: Final = 4
"""Drawn so many times as large, and reduced: smooth outlines."""
Box = tuple[int, int, int, int]


def flat_art(width: int, height: int, seed: int = 0) -> Image.Image:
    """Discs, bars and triangles of random colours."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (width * FINE, height * FINE), _colour(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y = (int(rng.integers(0, side * FINE)) for side in (width, height))
        reach = int(rng.integers(6, 24)) * FINE
        shape = int(rng.integers(3))
        if shape == 0:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), _colour(rng), _colour(rng), 2 * FINE)
        elif shape == 1:
            draw.rectangle((x - reach, y - reach // 3, x + reach, y + reach // 3), _colour(rng))
        else:
            draw.polygon([(x - reach, y + reach), (x + reach, y + reach), (x, y - reach)], _colour(rng))
    return image.resize((width, height), Image.Resampling.BOX)


def smileys(width: int, height: int, boxes: list[Box], ground: str = "#2448d0") -> Image.Image:
    """A yellow smiling face in each box, on a plain ground."""
    image = Image.new("RGB", (width * FINE, height * FINE), ground)
    draw = ImageDraw.Draw(image)
    for left, top, right, _ in boxes:
        size = right - left

        def part(x0: float, y0: float, x1: float, y1: float) -> Box:
            corners = (left + x0 * size, top + y0 * size, left + x1 * size, top + y1 * size)  # noqa: B023
            x0, y0, x1, y1 = (round(value * FINE) for value in corners)
            return x0, y0, x1, y1

        draw.ellipse(part(0, 0, 1, 1), "#fcc21b", "#e59600", width=max(1, size * FINE // 40))
        draw.ellipse(part(0.25, 0.27, 0.38, 0.45), "#5d4037")
        draw.ellipse(part(0.62, 0.27, 0.75, 0.45), "#5d4037")
        draw.chord(part(0.22, 0.4, 0.78, 0.86), 10, 170, "#5d4037")
    return image.resize((width, height), Image.Resampling.BOX)


def photo() -> Image.Image:
    """The portrait of an astronaut that scikit-image brings along, 512 x 512 (NASA, public domain)."""
    import skimage.data

    with Image.open(Path(skimage.data.__file__).parent / "astronaut.png") as image:
        return image.convert("RGB")


def psnr(picture: Image.Image, original: Image.Image) -> float:
    """Peak signal to noise ratio in decibels; infinite for equal pictures."""
    error = np.square(np.asarray(picture, np.float64) - np.asarray(original, np.float64)).mean()
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def furthest(picture: Image.Image, other: Image.Image) -> int:
    """The largest difference of any value."""
    return int(np.abs(np.asarray(picture, np.int64) - np.asarray(other, np.int64)).max())


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue
