"""What is done to finished pictures, as clients say it."""

from typing import Annotated

from pydantic import Field

from generation.engine import spec
from generation.engine.spec import limits
from generation.schemas.fields import Name, Share, StrictInput, Text

Side = Annotated[
    int, Field(ge=0, le=spec.MAX_SIDE, multiple_of=spec.SIDE_MULTIPLE, description="0: the request's own.")
]


class UpscaleIn(StrictInput):
    """Enlarge by any factor."""

    scale: float = Field(2.0, ge=limits.MIN_UPSCALE, le=limits.MAX_UPSCALE)
    method: Annotated[
        Name,
        Field(description="`esrgan`, `realesrgan`, `dat`, `lanczos`, or an upscaler's name or id."),
    ] = "lanczos"
    tile: int = Field(512, ge=64, le=2048, description="Side in pixels of what a model sees at once.")


class FaceRestorationIn(StrictInput):
    """Repaint faces."""

    model: Annotated[
        Name | None, Field(description="`gfpgan`, `codeformer`, or a model's name; empty for the first.")
    ] = None
    visibility: Share = 1.0
    fidelity: Share = 0.5


class DetailIn(StrictInput):
    """A pass of ADetailer: find regions, paint each anew. Empty, 0 and null are the request's own values."""

    detector: Annotated[Name | None, Field(description="Empty for the first of `GET /options`.")] = None
    confidence: Share = 0.3
    top_k: int = Field(0, ge=0, le=limits.MAX_DETECTIONS, description="The surest ones alone; 0 for all.")
    min_ratio: Share = 0.0
    max_ratio: Share = 1.0
    dilate: int = Field(4, ge=-128, le=128)
    offset_x: int = Field(0, ge=-200, le=200)
    offset_y: int = Field(0, ge=-200, le=200)
    merge: spec.MergeMode = "none"
    prompt: Text = ""
    negative_prompt: Text = ""
    strength: Share = 0.4
    blur: int = Field(4, ge=0, le=limits.MAX_MASK_BLUR)
    padding: int = Field(32, ge=0, le=limits.MAX_PADDING)
    steps: int = Field(0, ge=0, le=spec.MAX_STEPS)
    cfg_scale: float | None = Field(None, ge=0.0, le=spec.MAX_GUIDANCE)
    width: Side = 0
    height: Side = 0
