"""What is done to finished pictures: upscaling, face restoration, detailing (ADetailer)."""

from dataclasses import dataclass
from typing import Literal

from generation.engine.spec import limits
from generation.engine.spec.models import ModelRef

MergeMode = Literal["none", "merge", "merge_and_invert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upscale:
    """Enlarge by any factor. A model's own factor is made up for by Lanczos resampling."""

    scale: float = 2.0
    model: ModelRef | None = None
    """Whatever spandrel loads; None is Lanczos alone."""
    tile: int = 512
    """Side in pixels of what the model sees at once, 64 to 2048; 0 is the whole picture."""

    def __post_init__(self) -> None:
        limits.require_range("upscale.scale", self.scale, limits.MIN_UPSCALE, limits.MAX_UPSCALE)
        if self.tile:
            limits.require_range("upscale.tile", self.tile, 64, 2048)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRestoration:
    """Repaint faces with GFPGAN or CodeFormer; the picture keeps its size."""

    model: ModelRef
    """Which of the two it is shows in its tensors."""
    visibility: float = 1.0
    """0 is the picture as it was, 1 the restored face alone."""
    fidelity: float = 0.5
    """CodeFormer's weight: 0 is the best looking face, 1 the truest. GFPGAN has none."""

    def __post_init__(self) -> None:
        limits.require_range("face_restoration.visibility", self.visibility, 0.0, 1.0)
        limits.require_range("face_restoration.fidelity", self.fidelity, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detailing:
    """One pass of ADetailer: find regions, make a mask of each, inpaint each alone at the request's size."""

    detector: ModelRef | str
    """An ultralytics file, or the name of a detector that needs no file
    (``generation.engine.postprocess.detectors``).
    """
    confidence: float = 0.3
    top_k: int = 0
    """The most regions to take, the surest first; 0 is all of them, up to ``MAX_DETECTIONS``."""
    min_ratio: float = 0.0
    """Smallest share of the picture's area that a region may have; likewise the largest."""
    max_ratio: float = 1.0
    dilate: int = 4
    """Side in pixels of the square by which masks grow, or shrink when negative."""
    offset_x: int = 0
    """Pixels to the right; ``offset_y`` is upwards, as in ADetailer."""
    offset_y: int = 0
    merge: MergeMode = "none"
    prompt: str = ""
    """Empty is the request's own; likewise ``negative_prompt``."""
    negative_prompt: str = ""
    strength: float = 0.4
    """Denoising strength, 0 to 1."""
    blur: int = 4
    padding: int = 32
    steps: int = 0
    """0 is the request's own number."""
    guidance_scale: float | None = None
    width: int = 0
    """Size at which a region is painted, in pixels; 0 is the request's own. Likewise ``height``."""
    height: int = 0

    def __post_init__(self) -> None:
        limits.require_range("adetailer.confidence", self.confidence, 0.0, 1.0)
        limits.require_range("adetailer.top_k", self.top_k, 0, limits.MAX_DETECTIONS)
        limits.require_range("adetailer.min_ratio", self.min_ratio, 0.0, 1.0)
        limits.require_range("adetailer.max_ratio", self.max_ratio, 0.0, 1.0)
        for name, most in (("dilate", 128), ("offset_x", 200), ("offset_y", 200)):
            limits.require_range(f"adetailer.{name}", getattr(self, name), -most, most)
        limits.require_range("adetailer.strength", self.strength, 0.0, 1.0)
        limits.require_range("adetailer.blur", self.blur, 0, limits.MAX_MASK_BLUR)
        limits.require_range("adetailer.padding", self.padding, 0, limits.MAX_PADDING)
        limits.require_range("adetailer.steps", self.steps, 0, limits.MAX_STEPS)
        limits.require_length("adetailer.prompt", self.prompt)
        limits.require_length("adetailer.negative_prompt", self.negative_prompt)
        if self.guidance_scale is not None:
            limits.require_range("adetailer.guidance_scale", self.guidance_scale, 0.0, limits.MAX_GUIDANCE)
        for name in ("width", "height"):
            if getattr(self, name):
                limits.require_side(f"adetailer.{name}", getattr(self, name))


PostprocessStep = Upscale | FaceRestoration | Detailing
