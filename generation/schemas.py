"""The shapes of jobs on the wire, shared by HTTP and the WebSocket."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gallery.api import ImageOut
from generation.engine import spec
from sdweb.errors import PortalError

RANDOM_SEED: Final = -1

Text = Annotated[str, Field(max_length=spec.MAX_PROMPT_LENGTH)]
Name = Annotated[str, Field(max_length=255)]
Side = Annotated[int, Field(ge=spec.MIN_SIDE, le=spec.MAX_SIDE, multiple_of=spec.SIDE_MULTIPLE)]

# What the predecessor sends for features that this server does not have yet, and the values that mean "off".
_OFF_VALUES: Final[dict[str, tuple[object, ...]]] = {
    "loras": (None, []),
    "freeu_beta": (None, 0),
    "pag_scale": (None, 0),
    "controlnet": (None, {}, ""),
    "image": (None, ""),
    "mask": (None, ""),
}


class GenerateIn(BaseModel):
    """What somebody asks for. A number in quotes is refused, and so are NaN and infinity."""

    # Fields we do not know are left alone: the predecessor's clients send more than they mean.
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

    prompt: Text
    negative_prompt: Text = ""
    task: Literal["txt2img"] = "txt2img"
    model: Annotated[Name | None, Field(description="Name or id; empty for the default.")] = None
    width: Side = 512
    height: Side = 512
    steps: int = Field(20, ge=1, le=spec.MAX_STEPS)
    cfg_scale: float = Field(7.5, ge=0.0, le=spec.MAX_GUIDANCE)
    sampler: Name = "Euler"
    scheduler: Name = "Automatic"
    seed: int = Field(RANDOM_SEED, ge=RANDOM_SEED, le=spec.MAX_SEED, description="-1 for a random one.")
    batch_size: int = Field(1, ge=1, le=spec.MAX_BATCH_SIZE)
    clip_skip: int = Field(0, ge=0, le=spec.MAX_CLIP_SKIP, description="CLIP layers to leave out; 0 is none.")

    @model_validator(mode="before")
    @classmethod
    def _refuse_missing_features(cls, data: Any) -> Any:
        if isinstance(data, dict):
            switched_on = [
                name for name, off in _OFF_VALUES.items() if name in data and data[name] not in off
            ]
            if switched_on:
                raise PortalError(
                    "unsupported_feature",
                    f"This server cannot do {', '.join(switched_on)} yet.",
                    hint="Leave it out, or switch it off.",
                    fields=dict.fromkeys(switched_on, "not supported yet"),
                    status=422,
                )
        return data

    @model_validator(mode="after")
    def _no_nul(self) -> "GenerateIn":
        # PostgreSQL stores no NUL, and no prompt needs one.
        for name in ("prompt", "negative_prompt"):
            if "\x00" in getattr(self, name):
                raise PortalError(
                    "invalid_input",
                    f"{name}: it contains a NUL character",
                    fields={name: "contains NUL"},
                    status=422,
                )
        return self


def generate_in(data: object) -> GenerateIn:
    """Check what a client sent. Raises ``PortalError("invalid_input" | "unsupported_feature")``."""
    try:
        return GenerateIn.model_validate(data)
    except ValidationError as error:
        raise invalid_input(error) from None


def invalid_input(error: ValidationError) -> PortalError:
    """What pydantic found, in the portal's shape."""
    fields = {".".join(map(str, problem["loc"])) or "message": problem["msg"] for problem in error.errors()}
    message = "; ".join(f"{name}: {what}" for name, what in fields.items())
    return PortalError("invalid_input", message, fields=fields, status=422)


class Params(Schema):
    """What a job does, with the real seed and canonical names: enough to make the pictures again."""

    prompt: str
    negative_prompt: str
    model: str
    model_id: str
    width: int
    height: int
    steps: int
    cfg_scale: float
    sampler: str
    scheduler: str
    seed: int
    batch_size: int
    clip_skip: int


class ProgressOut(Schema):
    """How far a running job is."""

    step: int
    total: int
    status: str


class ErrorOut(Schema):
    """Why something did not happen, and what to do about it."""

    code: str
    message: str
    hint: str = ""
    fields: dict[str, str] = {}


class JobOut(Schema):
    """A job of mine."""

    id: uuid.UUID
    state: Literal["queued", "held", "running", "done", "failed", "cancelled"]
    task: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    params: Params
    progress: ProgressOut | None
    position: int | None
    """1 for the next job to start; null when it does not wait."""
    eta_seconds: float | None
    """Estimated seconds until it starts, or, while it runs, until it is done; null when nothing is known yet.
    """
    error: ErrorOut | None
    images: list[ImageOut]


class JobPage(Schema):
    """One page, newest first."""

    items: list[JobOut]
    next_cursor: str | None
