"""Starting from a picture: img2img, inpainting, outpainting, variations and the second pass."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from generation.engine.spec import limits
from generation.engine.spec.models import ModelRef

if TYPE_CHECKING:
    from PIL.Image import Image

ResizeMode = Literal["stretch", "crop", "fill"]
"""How a picture comes to another size: distorted, cut to the new shape, or whole with its borders extended.
A1111's "Just resize", "Crop and resize", "Resize and fill".
"""
Fill = Literal["original", "fill", "latent_noise", "latent_nothing"]
"""What inpainting begins with under the mask: the picture, its surroundings' colours, noise, zeros."""
LATENT_UPSCALERS = ("Latent", "Latent (antialiased)", "Latent (bicubic)", "Latent (nearest)")
PIXEL_UPSCALERS = ("Lanczos", "Nearest")
"""Upscalers that need no model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """What of a picture is made anew, and how."""

    image: "Image"
    """White is repainted, black is kept; read as greyscale, scaled to the picture."""
    blur: int = 4
    """Radius in pixels of the picture, 0 to ``MAX_MASK_BLUR``."""
    invert: bool = False
    fill: Fill = "original"
    only_masked: bool = False
    """Paint the mask's surroundings alone, at the request's full size, and put them back."""
    padding: int = 32
    """Pixels of the picture kept around the mask with ``only_masked``, 0 to ``MAX_PADDING``."""

    def __post_init__(self) -> None:
        limits.require_picture("mask", self.image)
        limits.require_range("mask.blur", self.blur, 0, limits.MAX_MASK_BLUR)
        limits.require_range("mask.padding", self.padding, 0, limits.MAX_PADDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """Outpainting: pixels added on each side of the picture, multiples of ``SIDE_MULTIPLE``."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __post_init__(self) -> None:
        for side in ("left", "top", "right", "bottom"):
            pixels = getattr(self, side)
            limits.require_range(f"outpaint.{side}", pixels, 0, limits.MAX_SIDE)
            if pixels % limits.SIDE_MULTIPLE:
                raise limits.invalid(
                    f"outpaint.{side}", f"outpaint.{side} must be a multiple of {limits.SIDE_MULTIPLE}."
                )

    @property
    def any(self) -> bool:
        return bool(self.left or self.top or self.right or self.bottom)


@dataclass(frozen=True, slots=True, kw_only=True)
class InitImage:
    """The picture to start from. With ``outpaint`` the request's size is that of the enlarged picture."""

    image: "Image"
    strength: float = 0.75
    """Denoising strength, 0 to 1: how much is made anew. At 0 the picture itself goes on, untouched, to the
    request's ``postprocess``.
    """
    resize_mode: ResizeMode = "stretch"
    mask: Mask | None = None
    outpaint: Margins | None = None

    def __post_init__(self) -> None:
        limits.require_picture("image", self.image)
        limits.require_range("strength", self.strength, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """Noise on the way from the request's seed to another one (spherical interpolation, as in A1111)."""

    seed: int
    strength: float
    """0 is the request's own noise, 1 that of ``seed``."""

    def __post_init__(self) -> None:
        limits.require_range("variation.seed", self.seed, 0, limits.MAX_SEED)
        limits.require_range("variation.strength", self.strength, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HiresFix:
    """A second pass: the finished picture is enlarged and denoised once more."""

    scale: float = 2.0
    """Of both sides; the result is rounded down to whole latent cells and at most ``MAX_SIDE``."""
    steps: int = 0
    """0 is the request's own number."""
    strength: float = 0.7
    """Denoising strength, 0 to 1."""
    upscaler: ModelRef | str = "Latent"
    """A model, or one of ``LATENT_UPSCALERS`` and ``PIXEL_UPSCALERS``."""
    sampler: str = ""
    """Empty is the request's own; likewise ``schedule``, ``prompt`` and ``negative_prompt``."""
    schedule: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    guidance_scale: float | None = None

    def __post_init__(self) -> None:
        limits.require_range("hires.scale", self.scale, 1.0, limits.MAX_HIRES_SCALE)
        limits.require_range("hires.steps", self.steps, 0, limits.MAX_STEPS)
        limits.require_range("hires.strength", self.strength, 0.0, 1.0)
        limits.require_length("hires.prompt", self.prompt)
        limits.require_length("hires.negative_prompt", self.negative_prompt)
        if self.guidance_scale is not None:
            limits.require_range("hires.guidance_scale", self.guidance_scale, 0.0, limits.MAX_GUIDANCE)
        if isinstance(self.upscaler, str) and self.upscaler not in (*LATENT_UPSCALERS, *PIXEL_UPSCALERS):
            raise limits.invalid("hires.upscaler", f"There is no upscaler {self.upscaler[:100]!r}.")
