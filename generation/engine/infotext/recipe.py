"""What a picture was made with, in our words, whichever program made it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict, get_args

from generation.engine.catalog import AUTOMATIC, resolve_sampler, schedule_info
from generation.engine.errors import EngineError

Source = Literal["sdweb", "a1111", "forge", "sdnext", "comfyui", "invokeai", "fooocus", "swarmui", "novelai"]
SOURCES: Final[tuple[Source, ...]] = get_args(Source)
RECIPE_KEYS: Final = {
    "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model hash", "Model", "VAE",
    "Clip skip", "Denoising strength",
}  # fmt: skip
"""A1111's keys for what has a field of its own in a recipe."""
MAX_WHOLE: Final = 2**64
"""Seeds of other programs have up to 64 bits."""


@dataclass(frozen=True, slots=True)
class RecipeLora:
    """A LoRA that stands outside of the prompt."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """None and empty mean that the picture does not say. Numbers are finite but not checked against our
    limits: other programs have others.
    """

    source: Source
    prompt: str = ""
    negative_prompt: str = ""
    steps: int | None = None
    sampler: str = ""
    """Our canonical name if we know it, else as written; likewise ``scheduler``, where it is a label."""
    scheduler: str = ""
    cfg_scale: float | None = None
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    model: str = ""
    """As the program named it; often a file name."""
    model_hash: str = ""
    """As much of it as the program wrote, in lower case."""
    vae: str = ""
    clip_skip: int | None = None
    """CLIP layers left out at the end: 0 is none."""
    strength: float | None = None
    """How much of a given picture was made anew, 0 to 1."""
    loras: tuple[RecipeLora, ...] = ()
    """Without those that the prompt itself names."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Everything else that was written as one value, under the program's own name for it."""


class Sampling(TypedDict):
    """Two fields of a recipe."""

    sampler: str
    scheduler: str


def sampling(sampler: object, scheduler: object = "") -> Sampling:
    """Sampler and schedule as any program writes them, in our names where we know them."""
    name, label = text_of(sampler).strip(), _label(text_of(scheduler).strip())
    try:
        known, meant = resolve_sampler(name, "simple")
    except EngineError:
        return {"sampler": name, "scheduler": label}
    # Until version 1.9 A1111 wrote the schedule behind the sampler's name, where it wins over any other.
    is_suffix = meant not in ("simple", AUTOMATIC) or name.casefold().endswith(" simple")
    return {"sampler": known, "scheduler": _label(meant) if is_suffix else label}


def _label(schedule: str) -> str:
    try:
        return schedule_info(schedule).label if schedule else ""
    except EngineError:
        return schedule


def text_of(value: object) -> str:
    """A string as it is, a number as text, anything else as nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def whole(value: object) -> int | None:
    """An integer of at most 64 bits, from a number or its text."""
    number = value if isinstance(value, int) else real(value)
    if number is None or isinstance(value, bool) or not -MAX_WHOLE < number < MAX_WHOLE:
        return None
    # From the text itself where it can be: a float does not hold 64 bits.
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.lstrip("+-").isdecimal() and text.isascii() else int(number)


def real(value: object) -> float | None:
    """A finite number, from a number or its text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str) and len(value) > 40:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """A JSON list, or an empty one in place of anything else."""
    return value if isinstance(value, list) else []
