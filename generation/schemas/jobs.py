"""Jobs as their owners see them."""

import uuid
from datetime import datetime
from typing import Literal

from ninja import Schema

from gallery.api import ImageOut
from generation.engine import spec
from generation.schemas.guidance import ControlIn, FreeUIn, IpAdapterIn, LoraIn, RefinerIn
from generation.schemas.pictures import HiresIn, OutpaintIn, VariationIn
from generation.schemas.postprocess import DetailIn, FaceRestorationIn, UpscaleIn


class ModelUse(Schema):
    """A model that a job uses."""

    id: str
    name: str
    kind: str
    sha256: str


class Template(Schema):
    """Prompts as they were written, where styles, wildcards or choices made others of them."""

    prompt: str
    negative_prompt: str
    styles: list[str]


class Params(Schema):
    """What a job does, with the real seed, canonical names and stored pictures: enough to ask for it again.

    Numbers that the task has no use for are those of the picture it begins with, or 0.
    """

    task: str = "txt2img"
    prompt: str
    """As it was drawn, with its extra networks."""
    negative_prompt: str
    template: Template | None = None
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
    tiling: bool = False
    vae: str | None = None
    variation: VariationIn | None = None
    hires: HiresIn | None = None

    image: str | None = None
    """`upload:<id>`; likewise `mask` and the pictures of control units and adapters."""
    mask: str | None = None
    strength: float = 0.75
    resize_mode: spec.ResizeMode = "stretch"
    mask_blur: int = 4
    mask_invert: bool = False
    inpaint_fill: spec.Fill = "original"
    inpaint_only_masked: bool = False
    inpaint_padding: int = 32
    outpaint: OutpaintIn | None = None

    loras: list[LoraIn] = []
    """Those of the slots; the prompt has its own."""
    freeu: FreeUIn | None = None
    pag_scale: float = 0.0
    cfg_rescale: float = 0.0
    refiner: RefinerIn | None = None
    controlnet: list[ControlIn] = []
    control_maps: bool = False
    ip_adapter: list[IpAdapterIn] = []

    face_restoration: FaceRestorationIn | None = None
    adetailer: list[DetailIn] = []
    upscale: UpscaleIn | None = None

    models: dict[str, ModelUse] = {}
    """Every model besides the checkpoint, by the field that names it, such as `loras.0` or `controlnet.0`."""


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
    turn: float
    """Order among my own waiting jobs, smallest first."""
    urgent: bool
    """Let past everybody else's."""
    eta_seconds: float | None
    """Estimated seconds until it starts, or, while it runs, until it is done; null when nothing is known yet.
    """
    error: ErrorOut | None
    images: list[ImageOut]
    control_maps: list[ImageOut] = []
    """What the preprocessors made, where the job was asked to keep it."""


class JobPage(Schema):
    """One page, newest first."""

    items: list[JobOut]
    next_cursor: str | None
