"""Starting from a picture, and going over it once more, as clients say it."""

from typing import Annotated

from pydantic import Field

from generation.engine import spec
from generation.engine.spec import limits
from generation.schemas.fields import RANDOM_SEED, Name, Seed, Share, StrictInput, Text

Margin = Annotated[int, Field(ge=0, le=spec.MAX_SIDE, multiple_of=spec.SIDE_MULTIPLE)]


class OutpaintIn(StrictInput):
    """Pixels to add on each side."""

    left: Margin = 0
    top: Margin = 0
    right: Margin = 0
    bottom: Margin = 0


class HiresIn(StrictInput):
    """A second pass over the enlarged picture. Empty texts, 0 and null are the request's own values."""

    scale: float = Field(2.0, ge=1.0, le=limits.MAX_HIRES_SCALE)
    steps: int = Field(0, ge=0, le=spec.MAX_STEPS)
    strength: Share = 0.7
    upscaler: Annotated[Name, Field(description="One of `GET /options`, or an upscaler model.")] = "Latent"
    sampler: Name = ""
    scheduler: Name = ""
    prompt: Text = ""
    negative_prompt: Text = ""
    cfg_scale: float | None = Field(None, ge=0.0, le=spec.MAX_GUIDANCE)


class VariationIn(StrictInput):
    """Noise on the way to that of another seed."""

    seed: Seed = RANDOM_SEED
    strength: Share
