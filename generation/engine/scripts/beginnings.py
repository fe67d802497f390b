"""How a row begins: from noise, from a picture, or from the latents of another pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image

from generation.engine.samplers import Sampler
from generation.engine.spec import Fill, GenerationRequest, Variation
from generation.engine.techniques import InpaintChannels, MaskBlend, Technique

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from generation.engine.scripts.canvas import Canvas

INPAINTING_CHANNELS: Final = 9
"""Input channels of a denoiser that sees the mask: its own 4, the mask, and 4 of the masked picture."""


class Opening(NamedTuple):
    """A row's start."""

    latents: torch.Tensor
    """``[1, c, h, w]``, fp32, on the device."""
    techniques: tuple[Technique, ...] = ()


class Beginning(Protocol):
    """Where the rows of a pass start from."""

    @property
    def skip(self) -> int:
        """Steps of the schedule that are left out."""
        ...

    @property
    def is_masked(self) -> bool:
        """Whether a part of the picture is kept."""
        ...

    def open(self, index: int, sampler: Sampler, generator: torch.Generator) -> Opening:
        """The start of the pass's row with this index. Draws from ``generator`` in the order in which
        diffusers' pipelines do.
        """
        ...


def skipped_steps(steps: int, strength: float) -> int:
    """How many of ``steps`` a denoising strength leaves out, as in diffusers: at least one step is made."""
    return min(max(steps - int(steps * strength), 0), steps - 1)


@dataclass(frozen=True, slots=True)
class Noise:
    """Draws a row's noise: ``[1, c, h, w]`` for pictures of one size, varied towards another seed's."""

    shape: tuple[int, int, int, int]
    device: torch.device
    variation: Variation | None = None

    def draw(self, index: int, generator: torch.Generator) -> torch.Tensor:
        """For the row with this index. Always on the CPU first, so that a seed means the same everywhere."""
        noise = torch.randn(self.shape, generator=generator, dtype=torch.float32)
        if self.variation is not None and self.variation.strength > 0:
            other = torch.Generator("cpu").manual_seed(self.variation.seed + index)
            towards = torch.randn(self.shape, generator=other, dtype=torch.float32)
            noise = spherical(noise, towards, self.variation.strength)
        return noise.to(self.device)


def spherical(low: torch.Tensor, high: torch.Tensor, share: float) -> torch.Tensor:
    """Spherical linear interpolation (Shoemake 1985): keeps the length that noise has, which a straight line
    between two noises would shorten.
    """
    cosine = torch.dot(low.flatten() / low.norm(), high.flatten() / high.norm()).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if float(angle) < 1e-4 or share in (0.0, 1.0):
        return torch.lerp(low, high, share)
    return (torch.sin((1 - share) * angle) * low + torch.sin(share * angle) * high) / torch.sin(angle)


@dataclass(frozen=True, slots=True)
class FromNoise:
    """txt2img."""

    noise: Noise
    skip: int = 0
    is_masked: ClassVar[bool] = False

    def open(self, index: int, sampler: Sampler, generator: torch.Generator) -> Opening:
        return Opening(self.noise.draw(index, generator) * sampler.init_noise_sigma)


@dataclass(frozen=True, slots=True)
class FromLatents:
    """The latents of a pass before, one per row, with new noise."""

    latents: Sequence[torch.Tensor]
    noise: Noise
    skip: int
    is_masked: ClassVar[bool] = False

    def open(self, index: int, sampler: Sampler, generator: torch.Generator) -> Opening:
        return Opening(sampler.noised(self.latents[index], self.noise.draw(index, generator)))


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the VAE's encoder says of a picture: a normal distribution of latents."""

    mean: torch.Tensor
    """``[1, c, h, w]``, fp32; likewise ``deviation``."""
    deviation: torch.Tensor
    scale: float
    shift: float

    def sample(self, generator: torch.Generator) -> torch.Tensor:
        """Latents as the denoiser sees them."""
        drawn = torch.randn(self.mean.shape, generator=generator, dtype=torch.float32)
        latents = self.mean + self.deviation * drawn.to(self.mean.device)
        return (latents - self.shift) * self.scale


def picture_encode(vae: Any, pixels: torch.Tensor) -> Encoded:
    """Encode ``[1, 3, height, width]`` in [-1, 1] with an ``AutoencoderKL``."""
    posterior = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist
    shift = vae.config.get("shift_factor") or 0.0
    return Encoded(posterior.mean.float(), posterior.std.float(), vae.config["scaling_factor"], shift)


def pixels_of(image: Image.Image) -> torch.Tensor:
    """An RGB picture as ``[1, 3, height, width]`` in [-1, 1]."""
    levels: NDArray[np.float32] = np.asarray(image, dtype=np.float32) / 255.0
    return torch.from_numpy(levels).permute(2, 0, 1)[None] * 2.0 - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FromPicture:
    """img2img and inpainting: one picture per row, or one for all of them."""

    pictures: Sequence[Encoded]
    noise: Noise
    skip: int
    masks: Sequence[torch.Tensor] = ()
    """``[1, 1, h, w]`` of zeros and ones; empty without inpainting. Likewise one per row or one for all."""
    holes: Sequence[Encoded] = ()
    """The pictures with grey under the mask, where the denoiser has channels for them."""
    fill: Fill = "original"
    pure_noise: bool = False
    """Begin from noise alone: inpainting at full strength."""

    @property
    def is_masked(self) -> bool:
        return bool(self.masks)

    def open(self, index: int, sampler: Sampler, generator: torch.Generator) -> Opening:
        place = index % len(self.pictures)
        if not self.masks:
            clean = self.pictures[place].sample(generator)
            return Opening(sampler.noised(clean, self.noise.draw(index, generator)))
        return self._inpainting(place, index, sampler, generator)

    def _inpainting(self, place: int, index: int, sampler: Sampler, generator: torch.Generator) -> Opening:
        mask = self.masks[place]
        # A denoiser that sees the mask needs the picture itself only to begin from it.
        clean = None
        if not self.holes or not self.pure_noise or self.fill != "original":
            clean = self.pictures[place].sample(generator)
        noise = self.noise.draw(index, generator)
        technique: Technique
        if self.holes:
            technique = InpaintChannels(mask, self.holes[place].sample(generator))
        else:
            assert clean is not None  # noqa: S101 - the condition above
            technique = MaskBlend(mask, clean, noise)
        if clean is None or (self.pure_noise and self.fill == "original"):
            return Opening(noise * sampler.init_noise_sigma, (technique,))
        return Opening(sampler.noised(self._filled(clean, noise, mask), noise), (technique,))

    def _filled(self, clean: torch.Tensor, noise: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if self.fill == "latent_noise":
            return clean * (1 - mask) + noise * mask
        if self.fill == "latent_nothing":
            return clean * (1 - mask)
        return clean


def latent_mask(mask: Image.Image, scale: int) -> torch.Tensor:
    """``[1, 1, h, w]`` of zeros and ones: whether the upper left pixel of each latent cell is painted, as in
    diffusers.
    """
    hard = torch.from_numpy(np.asarray(mask, dtype=np.float32) / 255.0)[None, None].round()
    return hard[:, :, ::scale, ::scale].contiguous()


def masked_pixels(canvas: "Canvas") -> torch.Tensor:
    """The picture, ``[1, 3, height, width]`` in [-1, 1], with middle grey where the mask is."""
    if canvas.mask is None:
        raise ValueError("a canvas without a mask has no hole")
    hole = torch.from_numpy(np.asarray(canvas.mask, dtype=np.float32) / 255.0)[None, None] >= 0.5
    return pixels_of(canvas.picture) * ~hole


def unmasked(vae: Any, width: int, height: int) -> Technique:
    """For a denoiser that sees the mask, where there is none: all of a grey picture is to be painted."""
    grey = picture_encode(vae, torch.zeros(1, 3, height, width))
    return InpaintChannels(torch.ones_like(grey.mean[:, :1]), (grey.mean - grey.shift) * grey.scale)


def noise_for(request: GenerationRequest, channels: int, scale: int, device: torch.device) -> Noise:
    """Noise for pictures of the request's size."""
    shape = (1, channels, request.height // scale, request.width // scale)
    return Noise(shape, device, request.variation)
