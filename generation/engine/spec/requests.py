"""The requests: for new pictures, for changes to finished ones, and for one control map."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from generation.engine.spec import limits
from generation.engine.spec.guidance import (
    ControlUnit,
    Embedding,
    FreeU,
    IpAdapterUnit,
    LoraUnit,
    Parameter,
    Refiner,
)
from generation.engine.spec.models import ModelRef
from generation.engine.spec.pictures import HiresFix, InitImage, Variation
from generation.engine.spec.postprocess import Detailing, PostprocessStep

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One request for pictures: ``batch_size`` rows with the seeds ``seeds``.

    Raises ``EngineError("invalid_request", field=...)`` when a value is out of range.
    """

    checkpoint: ModelRef
    """A diffusers folder, or a single ``.safetensors`` file in the original layout."""
    prompt: str
    """Without extra networks: the caller has turned ``<lora:...>`` into ``loras``."""
    negative_prompt: str = ""
    width: int = 512
    """Pixels, ``MIN_SIDE`` to ``MAX_SIDE``, a multiple of ``SIDE_MULTIPLE``; likewise ``height``."""
    height: int = 512
    steps: int = 20
    guidance_scale: float = 7.5
    """Classifier-free guidance; at 1.0 or below the unconditional half is not computed."""
    sampler: str = "Euler"
    """An A1111 sampler name or alias, see ``catalog.SAMPLERS``."""
    schedule: str = "Automatic"
    """An A1111 schedule name or label, see ``catalog.SCHEDULES``."""
    seed: int = 0
    batch_size: int = 1
    clip_skip: int = 0
    """CLIP layers to leave out at the end: 0 is none; A1111's "Clip skip" is this plus one."""
    init: InitImage | None = None
    variation: Variation | None = None
    tiling: bool = False
    """Make a picture whose opposite borders fit together."""
    hires: HiresFix | None = None
    controls: tuple[ControlUnit, ...] = ()
    ip_adapters: tuple[IpAdapterUnit, ...] = ()
    loras: tuple[LoraUnit, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    vae: ModelRef | None = None
    """Another VAE than the checkpoint's own."""
    freeu: FreeU | None = None
    pag_scale: float = 0.0
    """Perturbed-attention guidance (Ahn et al. 2024, arXiv:2403.17377); 0 is off."""
    cfg_rescale: float = 0.0
    """Share of guidance rescaling (Lin et al. 2023, arXiv:2305.08891), 0 to 1."""
    refiner: Refiner | None = None
    postprocess: tuple[PostprocessStep, ...] = ()
    """Done to every finished picture, in this order."""

    def __post_init__(self) -> None:
        limits.require_length("prompt", self.prompt)
        limits.require_length("negative_prompt", self.negative_prompt)
        limits.require_side("width", self.width)
        limits.require_side("height", self.height)
        limits.require_range("steps", self.steps, 1, limits.MAX_STEPS)
        limits.require_range("guidance_scale", self.guidance_scale, 0.0, limits.MAX_GUIDANCE)
        limits.require_range("seed", self.seed, 0, limits.MAX_SEED)
        limits.require_range("batch_size", self.batch_size, 1, limits.MAX_BATCH_SIZE)
        limits.require_range("clip_skip", self.clip_skip, 0, limits.MAX_CLIP_SKIP)
        limits.require_range("pag_scale", self.pag_scale, 0.0, limits.MAX_PAG_SCALE)
        limits.require_range("cfg_rescale", self.cfg_rescale, 0.0, 1.0)
        if self.hires is not None and self.init is not None:
            raise limits.invalid("hires", "The hires fix is for pictures from noise; give the size instead.")
        limits.require_count("controlnet", len(self.controls), limits.MAX_CONTROL_UNITS)
        limits.require_count("ip_adapter", len(self.ip_adapters), limits.MAX_IP_ADAPTERS)
        limits.require_count("loras", len(self.loras), limits.MAX_LORAS)
        limits.require_count("postprocess", len(self.postprocess), limits.MAX_POSTPROCESS_STEPS)

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed per row; they wrap around at ``MAX_SEED``. Variations share one and count the other up."""
        if self.variation is not None and self.variation.strength > 0:
            return (self.seed,) * self.batch_size
        return tuple((self.seed + i) % (limits.MAX_SEED + 1) for i in range(self.batch_size))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRequest:
    """Change finished pictures without a checkpoint: upscaling and face restoration."""

    images: "tuple[Image, ...]"
    """RGB, RGBA or greyscale; transparency is kept."""
    steps: tuple[PostprocessStep, ...]
    """``Detailing`` paints, so it needs a ``GenerationRequest`` with ``init.strength`` 0."""

    def __post_init__(self) -> None:
        limits.require_range("images", len(self.images), 1, limits.MAX_BATCH_SIZE)
        limits.require_range("steps", len(self.steps), 1, limits.MAX_POSTPROCESS_STEPS)
        for image in self.images:
            limits.require_picture("image", image)
        if any(isinstance(step, Detailing) for step in self.steps):
            raise limits.invalid("steps", "Detailing needs a checkpoint to paint with.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessRequest:
    """Make a control map of a picture, to look at before it is used."""

    image: "Image"
    preprocessor: str
    """A name of ``generation.engine.preprocess.catalog``."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    resolution: int = 512
    """Shorter side in pixels at which it works."""

    def __post_init__(self) -> None:
        limits.require_picture("image", self.image)
        limits.require_range(
            "preprocessor_resolution", self.resolution, limits.MIN_MAP_SIDE, limits.MAX_MAP_SIDE
        )


Request = GenerationRequest | ProcessRequest | PreprocessRequest
