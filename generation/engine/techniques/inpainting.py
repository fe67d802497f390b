"""Inpainting: with any denoiser by blending, or with one that was trained to see the mask."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from generation.engine.techniques.technique import Technique

if TYPE_CHECKING:
    from generation.engine.denoiser import DenoiserCall
    from generation.engine.rows import Row


@dataclass(frozen=True, slots=True, eq=False)
class MaskBlend(Technique):
    """After every step, what lies outside of the mask is put back at the noise level that was reached, as
    diffusers' ``StableDiffusionInpaintPipeline`` does for denoisers of 4 channels.
    """

    mask: torch.Tensor
    """``[1, 1, h, w]``, 1 where the picture is made anew."""
    clean: torch.Tensor
    """The picture's latents, ``[1, c, h, w]``."""
    noise: torch.Tensor

    def stepped(self, row: "Row") -> None:
        kept = self.clean if row.finished else row.sampler.noised(self.clean, self.noise)
        row.latents = (1 - self.mask) * kept + self.mask * row.latents


@dataclass(frozen=True, slots=True, eq=False)
class InpaintChannels(Technique):
    """The mask, and the latents of the picture with a grey hole, as five more channels of the input."""

    mask: torch.Tensor
    """``[1, 1, h, w]``, 1 where the picture is made anew."""
    masked: torch.Tensor
    """``[1, 4, h, w]``."""

    @property
    def key(self) -> Hashable:
        return "inpainting channels"

    def join(self, call: "DenoiserCall", peers: Sequence[Self]) -> None:
        more = torch.cat([torch.cat([peer.mask, peer.masked], dim=1) for peer in peers])
        call.sample = torch.cat([call.sample, more.to(call.sample).repeat(call.places, 1, 1, 1)], dim=1)
