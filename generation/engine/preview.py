"""Previews: the predicted picture as a small JPEG.

A checkpoint's own small decoder draws it where there is one; otherwise a linear map from latents to colours
does, at one pixel per latent cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil, sqrt
from typing import Any, Final, Protocol

import torch
from PIL import Image

JPEG_QUALITY: Final = 80
_SD15_FACTORS: Final = (
    (0.3444, 0.1385, 0.0670),
    (0.1247, 0.4027, 0.1494),
    (-0.3192, 0.2513, 0.2103),
    (-0.1307, -0.1874, -0.7445),
)
"""Red, green, blue per latent channel, as fitted by InvokeAI (``invokeai/app/util/step_callback.py``)."""
_EMPTY: Final = (128, 128, 128)


class Painter(Protocol):
    """Makes a picture of latents, of whatever size costs it little."""

    def image(self, latents: torch.Tensor) -> Image.Image:
        """``latents`` ``[1, c, h, w]``, scaled as the denoiser sees them, as a picture of that shape."""


@dataclass(frozen=True, slots=True)
class LatentColours:
    """A linear map from scaled latents to RGB in [-1, 1]."""

    factors: torch.Tensor
    """``[c, 3]``."""
    bias: torch.Tensor
    """``[3]``."""

    def image(self, latents: torch.Tensor) -> Image.Image:
        """``latents`` ``[1, c, h, w]`` as a picture of w x h pixels."""
        flat = latents[0].float().cpu()
        return _picture(torch.einsum("chw,cr->hwr", flat, self.factors) + self.bias)


@dataclass(frozen=True, slots=True)
class DecodedColours:
    """A checkpoint's small decoder, and the linear map for what it cannot do."""

    decoder: torch.nn.Module
    dtype: torch.dtype
    fallback: LatentColours

    def image(self, latents: torch.Tensor) -> Image.Image:
        """``latents`` ``[1, c, h, w]`` as a picture of the finished size."""
        try:
            pixels: torch.Tensor = self.decoder(latents.to(self.dtype))[0].float()
        except torch.OutOfMemoryError:  # the pictures need the memory more
            return self.fallback.image(latents)
        if not torch.isfinite(pixels).all():
            return self.fallback.image(latents)
        return _picture(pixels.permute(1, 2, 0).cpu())


class Previewable(Protocol):
    """What the previews need of a checkpoint of any family."""

    @property
    def preview(self) -> Mapping[str, Any] | None: ...
    @property
    def preview_decoder(self) -> Any | None: ...
    @property
    def latent_channels(self) -> int: ...
    @property
    def dtype(self) -> torch.dtype: ...


def painter_for(checkpoint: Previewable) -> Painter:
    """The best way to preview what ``checkpoint`` makes."""
    colours = latent_colours(checkpoint.preview, checkpoint.latent_channels)
    if checkpoint.preview_decoder is None:
        return colours
    return DecodedColours(checkpoint.preview_decoder, checkpoint.dtype, colours)


def _picture(colours: torch.Tensor) -> Image.Image:
    """``[h, w, 3]`` in [-1, 1]; what is no number becomes black."""
    levels = ((colours + 1) * 127.5).nan_to_num().clamp(0, 255).round().to(torch.uint8)
    return Image.fromarray(levels.numpy(), mode="RGB")


def latent_colours(preview: Mapping[str, Any] | None, channels: int = 4) -> LatentColours:
    """The map of a checkpoint's ``preview.json`` for latents of ``channels``.

    Where there is none or it makes no sense, SD1.5's; for other latents than its, all channels alike in grey.
    """
    fallback, bias = torch.tensor(_SD15_FACTORS), torch.zeros(3)
    if channels != len(fallback):
        fallback = torch.full((channels, 3), 1.0 / channels)
    try:
        own = torch.tensor((preview or {})["latent_rgb_factors"], dtype=torch.float32)
        own_bias = torch.tensor((preview or {}).get("bias", [0.0, 0.0, 0.0]), dtype=torch.float32)
    except (KeyError, TypeError, ValueError):
        return LatentColours(fallback, bias)
    fits = own.shape == fallback.shape and own_bias.shape == bias.shape
    return LatentColours(own, own_bias) if fits else LatentColours(fallback, bias)


def preview_jpeg(pictures: Sequence[Image.Image | None], size: tuple[int, int], side: int) -> bytes:
    """One JPEG of all ``pictures``, each of ``size`` (width, height), in a grid; None is a grey field.

    The grid is no larger than ``side`` on its longer side, and no picture larger than its final size.
    """
    columns = ceil(sqrt(len(pictures)))
    lines = ceil(len(pictures) / columns)
    scale = min(1.0, side / max(columns * size[0], lines * size[1]))
    cell = (max(1, int(size[0] * scale)), max(1, int(size[1] * scale)))
    grid = Image.new("RGB", (columns * cell[0], lines * cell[1]), _EMPTY)
    for index, picture in enumerate(pictures):
        if picture is not None:
            place = (index % columns * cell[0], index // columns * cell[1])
            grid.paste(picture.resize(cell, Image.Resampling.BICUBIC), place)
    with BytesIO() as buffer:
        grid.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return buffer.getvalue()
