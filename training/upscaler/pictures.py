"""Pairs of small and large pictures: drawn at the large size, then made smaller."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from training.data.art import Floats, sprite
from training.data.subjects import COLOURS

NATIVE = 136  # the emoji's own size in the font; larger would be blurred
MARGIN = 20  # how far an emoji may stand over the edge, pixels
SPOILT = 0.3  # share of small pictures that get blur, noise or JPEG blocks
FILTERS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
FILTER_SHARES = (0.2, 0.1, 0.4, 0.3)

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Job:
    """What pairs are drawn from: emoji, the scale and the side of the large picture in pixels."""

    emoji: Sequence[str]
    scale: int
    side: int = 160


@lru_cache(maxsize=2048)
def _native(emoji: str) -> Image.Image:
    return sprite(emoji, NATIVE)


def background(rng: np.random.Generator, side: int) -> Image.Image:
    """A plain ground (from the palette, or of any colour) or a linear gradient."""
    palette = COLOURS[int(rng.integers(len(COLOURS)))].rgb
    first = np.array(palette if rng.random() < 0.5 else rng.integers(0, 256, 3), np.float64)
    if rng.random() < 0.7:
        return Image.fromarray(np.full((side, side, 3), first, np.uint8))
    ramp = np.linspace(0, 1, side)[:, None, None] * np.ones((1, side, 1))
    mixed = np.asarray(first * ramp + rng.integers(0, 256, 3) * (1 - ramp), np.uint8)
    return Image.fromarray(np.ascontiguousarray(np.rot90(mixed, int(rng.integers(4)))))


def drawing(rng: np.random.Generator, emoji: Sequence[str], side: int) -> Image.Image:
    """One to three emoji, never larger than the font has them, on a coloured ground."""
    image = background(rng, side)
    for _ in range(int(rng.choice((1, 2, 3), p=(0.4, 0.35, 0.25)))):
        mark = _native(emoji[int(rng.integers(len(emoji)))])
        if rng.random() < 0.7:
            extent = int(rng.integers(40, NATIVE))
            factor = extent / max(mark.size)
            size = (max(1, round(mark.width * factor)), max(1, round(mark.height * factor)))
            mark = mark.resize(size, Image.Resampling.LANCZOS)
        left, top = (
            int(rng.integers(-MARGIN, max(1, side - length + MARGIN))) for length in (mark.width, mark.height)
        )
        image.paste(mark, (left, top), mark)
    return image


def shrink(picture: Image.Image, scale: int, resampling: Image.Resampling) -> Image.Image:
    """The picture at 1 / scale of its size."""
    return picture.resize((picture.width // scale, picture.height // scale), resampling)


def _spoil(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """What a small picture may have gone through: JPEG, noise or a slight blur."""
    kind = int(rng.integers(3))
    if kind == 0:
        packed = BytesIO()
        picture.save(packed, "JPEG", quality=int(rng.integers(60, 96)))
        return Image.open(packed).convert("RGB")
    if kind == 1:
        noise = rng.normal(0, rng.uniform(1, 6), (picture.height, picture.width, 3))
        return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))
    return picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 0.7))))


def _pair(rng: np.random.Generator, job: Job) -> tuple[Pixels, Pixels]:
    large = drawing(rng, job.emoji, job.side)
    resampling = FILTERS[int(rng.choice(len(FILTERS), p=FILTER_SHARES))]
    small = shrink(large, job.scale, resampling)
    if rng.random() < SPOILT:
        small = _spoil(rng, small)
    turns, mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)
    first, second = (np.rot90(np.asarray(one), turns) for one in (small, large))
    return (first[:, ::-1], second[:, ::-1]) if mirrored else (first, second)


def batch(rng: np.random.Generator, job: Job, patch: int, count: int) -> tuple[Floats, Floats]:
    """Small and large patches, [n, 3, h, w] in [0, 1]; `patch` is the small side, `count` a multiple of 4."""
    small, large = [], []
    for _ in range(count // 4):
        first, second = _pair(rng, job)
        for _ in range(4):
            top, left = (int(at) for at in rng.integers(0, len(first) - patch + 1, 2))
            small.append(first[top : top + patch, left : left + patch])
            top, left, side = top * job.scale, left * job.scale, patch * job.scale
            large.append(second[top : top + side, left : left + side])
    return stacked(small), stacked(large)


def stacked(pictures: Sequence[Pixels]) -> Floats:
    """8-bit pictures as [n, 3, h, w] in [0, 1]."""
    pixels = np.stack(pictures).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
