"""How a picture is cut into overlapping tiles, and with which weights they are put together again."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch

ALIGNMENT: Final = 16
"""Tiles begin at multiples of this many pixels: the usual windows of networks with window attention then fall
on the same places as without tiles.
"""


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one axis: ``start`` to ``stop`` of the source, and its weight for every result pixel."""

    start: int
    stop: int
    weights: torch.Tensor
    """fp32, one for each of the ``(stop - start) * scale`` pixels. Over all spans the weights of each pixel
    sum to 1.
    """


def spans(length: int, tile: int, overlap: int, scale: int) -> list[Span]:
    """The spans that cover ``length`` pixels with tiles of at most ``tile`` (32 or more) that overlap by at
    least ``overlap``, from 1 to half of ``tile``; ``scale`` is the factor from source to result.

    Neighbours are blended by half a cosine over half of ``overlap``, in the middle of what they share: a
    network sees nothing beyond its tile, so that its outermost pixels are the worst.
    """
    starts = [0]
    while starts[-1] + tile < length:
        starts.append(starts[-1] + (tile - overlap) // ALIGNMENT * ALIGNMENT)
    cut = [(start, min(start + tile, length)) for start in starts]
    weights = [torch.ones((stop - start) * scale) for start, stop in cut]
    for number, ((left, stop), (right, _)) in enumerate(pairwise(cut)):
        middle, width = scale * (right + stop) / 2, scale * overlap / 2
        weights[number] *= 1.0 - _fade_in(left * scale, len(weights[number]), middle, width)
        weights[number + 1] *= _fade_in(right * scale, len(weights[number + 1]), middle, width)
    return [Span(start, stop, weight) for (start, stop), weight in zip(cut, weights, strict=True)]


def _fade_in(start: int, length: int, middle: float, width: float) -> torch.Tensor:
    """0 before and 1 after a band of ``width`` around ``middle``, half a cosine within it."""
    place = torch.arange(start, start + length) + 0.5
    return 0.5 - 0.5 * torch.cos(torch.pi * ((place - middle) / width + 0.5).clamp(0.0, 1.0))
