"""What steers the denoiser besides the prompt: ControlNet, IP-Adapter, LoRA, embeddings, FreeU, a refiner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from generation.engine.spec import limits
from generation.engine.spec.models import ModelRef
from generation.engine.spec.pictures import ResizeMode

if TYPE_CHECKING:
    from PIL.Image import Image

ControlMode = Literal["balanced", "prompt", "control"]
"""What counts more where the two disagree; A1111's "Balanced", "My prompt is more important", "ControlNet is
more important".
"""
Parameter = bool | int | float | str
"""The value of one of a preprocessor's own parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlUnit:
    """One ControlNet or T2I-Adapter, and the picture that it follows."""

    model: ModelRef
    image: "Image"
    preprocessor: str = "none"
    """A name of ``generation.engine.preprocess.catalog``; ``none`` takes the picture as the map."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """The preprocessor's own, by the catalog's names; the catalog's defaults for what is left out."""
    resolution: int = 512
    """Shorter side in pixels at which the preprocessor works."""
    weight: float = 1.0
    start: float = 0.0
    """Share of the steps after which it begins; likewise ``end``, after which it stops."""
    end: float = 1.0
    mode: ControlMode = "balanced"
    resize_mode: ResizeMode = "crop"

    def __post_init__(self) -> None:
        limits.require_picture("controlnet.image", self.image)
        limits.require_range(
            "controlnet.preprocessor_resolution", self.resolution, limits.MIN_MAP_SIDE, limits.MAX_MAP_SIDE
        )
        limits.require_range("controlnet.weight", self.weight, 0.0, limits.MAX_CONTROL_WEIGHT)
        limits.require_share("controlnet", self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class IpAdapterUnit:
    """Pictures whose content and style the result takes up."""

    model: ModelRef
    image_encoder: ModelRef
    """A CLIP vision model as a folder of transformers."""
    images: "tuple[Image, ...]"
    scale: float = 1.0
    start: float = 0.0
    """Share of the steps after which it begins; likewise ``end``, after which it stops."""
    end: float = 1.0

    def __post_init__(self) -> None:
        if not self.images:
            raise limits.invalid("ip_adapter.images", "An IP-Adapter needs at least one picture.")
        limits.require_count("ip_adapter.images", len(self.images), limits.MAX_IP_PICTURES)
        for image in self.images:
            limits.require_picture("ip_adapter.images", image)
        limits.require_range("ip_adapter.scale", self.scale, 0.0, limits.MAX_IP_SCALE)
        limits.require_share("ip_adapter", self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraUnit:
    """A LoRA (or LyCORIS network) and its two strengths."""

    model: ModelRef
    denoiser: float = 1.0
    text_encoder: float = 1.0
    rank: int | None = None
    """Cut to this rank (A1111's ``dyn``); None is the whole."""

    def __post_init__(self) -> None:
        for name in ("denoiser", "text_encoder"):
            limits.require_range(
                f"loras.{name}", getattr(self, name), -limits.MAX_LORA_WEIGHT, limits.MAX_LORA_WEIGHT
            )
        if self.rank is not None:
            limits.require_range("loras.rank", self.rank, 1, limits.MAX_LORA_RANK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """A textual inversion: its vectors stand in the prompt wherever its name does."""

    model: ModelRef
    name: str
    """What people write for it in a prompt."""

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > 100:
            raise limits.invalid("embeddings", "An embedding needs a name of 1 to 100 characters.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeU:
    """FreeU (Si et al. 2023, arXiv:2309.11497): factors of the backbone (b) and the skips (s); 1 is off."""

    b1: float = 1.3
    b2: float = 1.4
    s1: float = 0.9
    s2: float = 0.2

    def __post_init__(self) -> None:
        for name in ("b1", "b2", "s1", "s2"):
            limits.require_range(f"freeu.{name}", getattr(self, name), 0.01, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refiner:
    """Another checkpoint that takes over the last steps."""

    checkpoint: ModelRef
    switch_at: float = 0.8
    """Share of the steps after which it takes over."""

    def __post_init__(self) -> None:
        limits.require_range("refiner.switch_at", self.switch_at, 0.0, 1.0)
