"""What steers the denoiser besides the prompt, as clients say it."""

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, model_validator

from generation.engine import spec
from generation.engine.spec import limits
from generation.schemas.fields import Name, Picture, Share, StrictInput

SLOTS: Final = 7
"""LoRAs beside the prompt; any number may stand in it as ``<lora:name:te:unet>``."""

Factor = Annotated[float, Field(ge=0.0, le=2.0)]


class LoraIn(StrictInput):
    """A LoRA slot."""

    name: Name
    weight: float = Field(1.0, ge=-limits.MAX_LORA_WEIGHT, le=limits.MAX_LORA_WEIGHT)
    te_weight: float | None = Field(
        None,
        ge=-limits.MAX_LORA_WEIGHT,
        le=limits.MAX_LORA_WEIGHT,
        description="For the text encoder; the same as `weight` unless told.",
    )


class FreeUIn(StrictInput):
    """FreeU's factors of the backbone (`b`) and the skips (`s`); 1 leaves them as they are."""

    b1: Factor = 1.3
    b2: Factor = 1.4
    s1: Factor = 0.9
    s2: Factor = 0.2


class RefinerIn(StrictInput):
    """Another checkpoint for the last steps."""

    model: Name
    switch_at: Share = 0.8


class IpAdapterIn(StrictInput):
    """Pictures whose content and style the result takes up."""

    model: Annotated[Name | None, Field(description="Empty for the first of the checkpoint's family.")] = None
    image_encoder: Annotated[Name | None, Field(description="A CLIP model; empty for the one that fits.")] = (
        None
    )
    images: list[Picture] = Field(min_length=1, max_length=limits.MAX_IP_PICTURES)
    scale: float = Field(1.0, ge=0.0, le=limits.MAX_IP_SCALE)
    start: Share = 0.0
    end: Share = 1.0

    @model_validator(mode="before")
    @classmethod
    def _one_picture(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("image") and "images" not in data:
            return {**data, "images": [data["image"]]}
        return data


class ControlIn(StrictInput):
    """A ControlNet or T2I-Adapter. The preprocessor's own parameters stand beside these fields, by the names
    in `GET /options`, such as `canny_low`.
    """

    model_config = ConfigDict(extra="allow")

    type: Annotated[Name, Field(description="A control type of `GET /options`, such as `canny`.")] = ""
    model: Annotated[Name | None, Field(description="Empty for the first of that type.")] = None
    image: Annotated[Picture | None, Field(description="Empty for the request's own picture.")] = None
    weight: float = Field(1.0, ge=0.0, le=limits.MAX_CONTROL_WEIGHT)
    start_percent: Share = 0.0
    stop_percent: Share = 1.0
    preprocessor: Annotated[
        Name | None, Field(description="`none`: the picture is a map already; empty for that of the type.")
    ] = None
    preprocessor_resolution: int = Field(512, ge=limits.MIN_MAP_SIDE, le=limits.MAX_MAP_SIDE)
    control_mode: spec.ControlMode = "balanced"
    resize_mode: spec.ResizeMode = "crop"

    @model_validator(mode="before")
    @classmethod
    def _off_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value is not None}
