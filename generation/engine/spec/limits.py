"""Ranges of a request's values, and the one error that says a value is outside of its range."""

from typing import TYPE_CHECKING, Final

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
MAX_PICTURE_PIXELS: Final = 8192 * 8192
"""Pixels of a picture that comes in, or that upscaling makes."""
MAX_PICTURE_SIDE: Final = 16_384
MAX_MASK_BLUR: Final = 64
MAX_PADDING: Final = 256
MAX_CONTROL_UNITS: Final = 8
MAX_CONTROL_WEIGHT: Final = 2.0
MIN_MAP_SIDE: Final = 64
"""Pixels: the smallest preprocessor resolution; likewise the largest."""
MAX_MAP_SIDE: Final = 2048
MAX_IP_ADAPTERS: Final = 4
MAX_IP_PICTURES: Final = 8
"""Reference pictures of one IP-Adapter."""
MAX_IP_SCALE: Final = 2.0
MAX_LORAS: Final = 64
"""LoRAs from the slots and from the prompt together."""
MAX_LORA_WEIGHT: Final = 10.0
MAX_LORA_RANK: Final = 4096
MAX_PAG_SCALE: Final = 20.0
MAX_HIRES_SCALE: Final = 4.0
MIN_UPSCALE: Final = 1.0
MAX_UPSCALE: Final = 8.0
MAX_POSTPROCESS_STEPS: Final = 8
MAX_DETECTIONS: Final = 32


def invalid(field: str, message: str, *, hint: str = "") -> EngineError:
    """The error of a value that no request may have."""
    return EngineError("invalid_request", message, hint=hint, field=field)


def require_length(field: str, value: str) -> None:
    """Raise ``EngineError("invalid_request")`` for a text that is too long."""
    if len(value) > MAX_PROMPT_LENGTH:
        raise invalid(field, f"{field} has {len(value)} characters; {MAX_PROMPT_LENGTH} are allowed.")


def require_range(field: str, value: float, low: float, high: float) -> None:
    """Raise ``EngineError("invalid_request")`` for a number outside of its range, and for NaN."""
    # Written so that NaN fails: every comparison with NaN is false.
    if not low <= value <= high:
        raise invalid(field, f"{field} must be between {low} and {high}, not {value}.")


def require_share(field: str, start: float, end: float) -> None:
    """``start`` to ``end``, both from 0 to 1: a part of the steps."""
    require_range(f"{field}.start", start, 0.0, 1.0)
    require_range(f"{field}.end", end, 0.0, 1.0)
    if start > end:
        raise invalid(f"{field}.end", f"{field} ends ({end}) before it starts ({start}).")


def require_count(field: str, count: int, most: int) -> None:
    """Raise ``EngineError("invalid_request")`` for a list that is too long."""
    if count > most:
        raise invalid(field, f"{field} has {count} entries; {most} are allowed.")


def require_side(field: str, side: int) -> None:
    """A side of a picture that is to be made: in range, and whole latent cells."""
    require_range(field, side, MIN_SIDE, MAX_SIDE)
    if side % SIDE_MULTIPLE:
        raise invalid(field, f"{field} must be a multiple of {SIDE_MULTIPLE}, not {side}.")


def require_picture(field: str, picture: "Image") -> None:
    """Raise ``EngineError("invalid_request")`` for a picture that is larger than any that is worked on."""
    width, height = picture.size
    if max(width, height) > MAX_PICTURE_SIDE or width * height > MAX_PICTURE_PIXELS:
        raise invalid(
            field,
            f"{field} is {width} x {height} pixels; at most {MAX_PICTURE_SIDE} on a side "
            f"and {MAX_PICTURE_PIXELS:,} in all are allowed.",
            hint="Send a smaller one.",
        )
