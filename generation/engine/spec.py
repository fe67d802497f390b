"""What goes into the engine and what comes out. Needs no torch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from generation.engine.errors import EngineError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PROMPT_LENGTH: Final = 10_000
"""Characters in a prompt or a negative prompt."""
MIN_SIDE: Final = 64
MAX_SIDE: Final = 2048
SIDE_MULTIPLE: Final = 8
"""The VAE's downscale factor: pixels per latent cell on each axis."""
MAX_STEPS: Final = 150
MAX_GUIDANCE: Final = 30.0
MAX_BATCH_SIZE: Final = 8
MAX_SEED: Final = 2**32 - 1
MAX_CLIP_SKIP: Final = 12

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "fp16", "bf16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRef:
    """Where a checkpoint lies and how caches tell it from others."""

    path: Path
    """A diffusers folder, or a single ``.safetensors`` file in the original Stable Diffusion layout."""
    digest: str = ""
    """SHA-256 of the content in hex, or empty when unknown; part of every cache key and of the infotext."""
    name: str = ""
    """The name people know the model by, for the infotext."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One request for pictures: ``batch_size`` rows with the seeds ``seed, seed + 1, ...``.

    Raises ``EngineError("invalid_request", field=...)`` when a value is out of range.
    """

    checkpoint: CheckpointRef
    prompt: str
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

    def __post_init__(self) -> None:
        _require_length("prompt", self.prompt)
        _require_length("negative_prompt", self.negative_prompt)
        for name in ("width", "height"):
            side = getattr(self, name)
            _require_range(name, side, MIN_SIDE, MAX_SIDE)
            if side % SIDE_MULTIPLE:
                raise EngineError(
                    "invalid_request",
                    f"{name} must be a multiple of {SIDE_MULTIPLE}, not {side}.",
                    field=name,
                )
        _require_range("steps", self.steps, 1, MAX_STEPS)
        _require_range("guidance_scale", self.guidance_scale, 0.0, MAX_GUIDANCE)
        _require_range("seed", self.seed, 0, MAX_SEED)
        _require_range("batch_size", self.batch_size, 1, MAX_BATCH_SIZE)
        _require_range("clip_skip", self.clip_skip, 0, MAX_CLIP_SKIP)

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed per row; they wrap around at ``MAX_SEED``."""
        return tuple((self.seed + i) % (MAX_SEED + 1) for i in range(self.batch_size))


def _require_length(name: str, value: str) -> None:
    if len(value) > MAX_PROMPT_LENGTH:
        raise EngineError(
            "invalid_request",
            f"{name} has {len(value)} characters; {MAX_PROMPT_LENGTH} are allowed.",
            field=name,
        )


def _require_range(name: str, value: float, low: float, high: float) -> None:
    # Written so that NaN fails: every comparison with NaN is false.
    if not low <= value <= high:
        raise EngineError(
            "invalid_request", f"{name} must be between {low} and {high}, not {value}.", field=name
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One report of a running request, at most one per tick; the newest wins."""

    step: int
    """Denoiser calls done for the slowest row, 0 to ``total``."""
    total: int
    status: Literal["loading", "denoising", "decoding"]
    preview: bytes | None = None
    """A JPEG of the predicted picture (all rows of a batch side by side in a grid), or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds that a request spent in each phase."""

    waited: float = 0.0
    loaded: float = 0.0
    denoised: float = 0.0
    decoded: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationResult:
    """The pictures of one request, in the order of ``GenerationRequest.seeds``."""

    images: "tuple[Image, ...]"
    seeds: tuple[int, ...]
    steps: int
    """Denoiser calls per row: more than ``request.steps`` for samplers that evaluate twice a step."""
    buckets: tuple[int, ...]
    """Every padded batch size that took part, ascending: the low bits of a picture depend on it."""
    device: str
    dtype: str
    timings: Timings = field(default_factory=Timings)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How one engine uses its device."""

    device: Device = "auto"
    precision: Precision = "auto"
    max_rows: int = 8
    """Rows denoised together in one tick."""
    min_bucket: int = 1
    """Smallest padded batch: at ``max_rows`` every picture is independent of its company, bit for bit."""
    preview_interval: float = 0.3
    """Seconds between two previews of one request."""
    preview_side: int = 384
    """Longest side of a preview, in pixels."""
    cache_bytes: int = 8 * 2**30
    """Models kept loaded, least recently used first out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStats:
    """Counters since the engine started, for tests and metrics."""

    ticks: int
    rows_denoised: int
    """Sum over ticks of the rows that took part, padding not counted."""
    loads: int
    resident: tuple[str, ...]
    """Digests (or paths, where no digest is known) of the loaded checkpoints, most recently used last."""


ProgressCallback = Callable[[Progress], None]
Predicate = Callable[[], bool]
