"""How an engine runs, what it reports on the way and what comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from PIL.Image import Image

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "fp16", "bf16"]
Storage = Literal["same", "fp8"]
"""How the denoiser's weights lie in memory: as they are computed with, or in half of that."""
Attention = Literal["auto", "flash", "cudnn", "efficient", "math"]
Offload = Literal["none", "model", "group"]
"""What waits in RAM: nothing, everything but the denoiser, or the denoiser's layers too."""
Preset = Literal["fast", "balanced", "low_memory"]
Status = Literal[
    "loading", "preparing", "preprocessing", "denoising", "decoding", "upscaling", "restoring", "detailing"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One report of a running request, at most one per tick; the newest wins."""

    step: int
    """Denoiser calls (of tiles, for upscaling) done for the slowest row, 0 to ``total``."""
    total: int
    status: Status
    preview: bytes | None = None
    """A JPEG of the predicted picture (all rows of a batch side by side in a grid), or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds that a request spent in each phase."""

    waited: float = 0.0
    loaded: float = 0.0
    denoised: float = 0.0
    decoded: float = 0.0
    """From the last denoiser call of the first pass to the end."""
    device: float = 0.0
    """The device at work for it: its share of the calls that it took part in, and what was done for it alone.
    Reading and placing models is nobody's.
    """


@dataclass(slots=True)
class DeviceUse:
    """What a request has taken of the device so far: also that of one which never comes to a result.

    The device's thread writes it, any thread may read it.
    """

    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationResult:
    """The pictures of one request, in the order of ``GenerationRequest.seeds``."""

    images: "tuple[Image, ...]"
    seeds: tuple[int, ...]
    """Empty for requests that draw no noise."""
    steps: int
    """Denoiser calls per row: more than ``request.steps`` for samplers that evaluate twice a step."""
    buckets: tuple[int, ...]
    """Every padded batch size that took part, ascending: the low bits of a picture depend on it."""
    device: str
    dtype: str
    timings: Timings = field(default_factory=Timings)
    control_maps: "tuple[Image, ...]" = ()
    """What the preprocessors made of the control pictures, one per unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How one engine uses its device."""

    device: Device = "auto"
    precision: Precision = "auto"
    storage: Storage = "same"
    attention: Attention = "auto"
    offload: Offload = "none"
    vae_tiling: bool = False
    """Encode and decode large pictures in overlapping tiles: less memory, faint seams at worst."""
    compile: bool = False
    """Compile the denoiser (``torch.compile``): slow first pictures, faster ones after."""
    max_rows: int = 8
    """Rows denoised together in one tick."""
    min_bucket: int = 1
    """Smallest padded batch: at ``max_rows`` every picture is independent of its company, bit for bit."""
    preview_interval: float = 0.3
    """Seconds between two previews of one request."""
    preview_side: int = 384
    """Longest side of a preview, in pixels."""
    cache_bytes: int = 8 * 2**30
    """Models kept loaded, least recently used first out; the last checkpoint stays in any case."""
    helpers: Path | None = None
    """Folder with the files that preprocessors (``annotators/``) and face restoration (``faces/``) need."""


PRESETS: Final[Mapping[Preset, Mapping[str, Any]]] = {
    "fast": {"compile": True},
    "balanced": {},
    "low_memory": {"storage": "fp8", "offload": "model", "vae_tiling": True, "max_rows": 2},
}
"""Switches of ``EngineConfig`` that belong together, by what matters most."""


def config_for(preset: Preset, **switches: Any) -> EngineConfig:
    """A preset with single switches turned otherwise; a switch that is None stays as the preset has it."""
    given = {name: value for name, value in switches.items() if value is not None}
    return EngineConfig(**{**PRESETS[preset], **given})


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStats:
    """Counters since the engine started, for tests and metrics."""

    ticks: int
    rows_denoised: int
    """Sum over ticks of the rows that took part, padding not counted."""
    loads: int
    """Models of every kind read from disk."""
    resident: tuple[str, ...]
    """Digests (or paths, where no digest is known) of the loaded models, most recently used last."""
    checkpoint_loads: int = 0
    checkpoints: tuple[str, ...] = ()
    """Those of ``resident`` that are checkpoints."""
    tick_ms: float = 0.0
    """Mean of the last ticks, in milliseconds."""
    device_seconds: float = 0.0
    """The device at work for requests, all together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """A device as it is now."""

    device: str
    """As PyTorch calls it: `cpu`, `cuda:0`."""
    name: str
    """As its maker calls it; empty where the machine does not say."""
    memory_total: int
    """Bytes: of the GPU, or the machine's RAM; 0 where that is not known."""
    memory_used: int
    """Bytes, by whomever."""


ProgressCallback = Callable[[Progress], None]
Predicate = Callable[[], bool]
