"""What somebody asks for: one shape for every task, on HTTP and on the WebSocket."""

from typing import Annotated, Any, Final

from pydantic import Field, ValidationError, model_validator

from generation.engine import spec
from generation.engine.spec import limits
from generation.schemas.fields import (
    RANDOM_SEED,
    Name,
    Picture,
    Seed,
    Share,
    Side,
    StrictInput,
    Text,
    invalid_field,
    invalid_input,
)
from generation.schemas.guidance import SLOTS, ControlIn, FreeUIn, IpAdapterIn, LoraIn, RefinerIn
from generation.schemas.pictures import HiresIn, OutpaintIn, VariationIn
from generation.schemas.postprocess import DetailIn, FaceRestorationIn, UpscaleIn

PROCESS_TASKS: Final = frozenset({"upscale", "face_restoration", "preprocess"})
"""They change a picture that is there, or draw a map of it: no prompt, no checkpoint."""
PAINT_TASKS: Final = frozenset({"img2img", "inpaint", "outpaint", "adetailer"})
"""They begin with ``image``."""
CONTROL_PREFIX: Final = "controlnet_"
TASKS: Final = ("txt2img", *sorted(PAINT_TASKS), *sorted(PROCESS_TASKS))

_PROCESS_FIELDS: Final = frozenset({"task", "image", "upscale", "face_restoration", "controlnet"})
_OWN_FIELDS: Final[dict[str, Any]] = {"upscale": {}, "face_restoration": {}, "adetailer": [{}]}
"""Tasks that are steps after a generation too, and the field that says how."""
_OFF: Final[tuple[Any, ...]] = (None, "", {}, [])
"""What clients send for a nested feature that is off."""
_OFF_WHEN_EMPTY: Final = (
    "task", "image", "mask", "outpaint", "hires", "variation", "vae", "loras", "freeu", "refiner",
    "controlnet", "ip_adapter", "adetailer", "face_restoration", "upscale", "styles",
)  # fmt: skip
_LISTS: Final = ("controlnet", "ip_adapter", "adetailer")
"""One object stands for a list of one, as the predecessor sends it."""


class GenerateIn(StrictInput):
    """What somebody asks for. `null` is any field's default; what the task does not use is not looked at."""

    prompt: Annotated[Text, Field(description="Needed by every task that makes new pictures.")] = ""
    negative_prompt: Text = ""
    styles: list[Name] = Field([], max_length=20, description="Names of styles, applied in this order.")
    task: Annotated[
        Name, Field(description=f"{', '.join(TASKS)} or controlnet_<type>; empty: what the other fields say.")
    ] = "txt2img"
    model: Annotated[Name | None, Field(description="Name or id; empty for the default.")] = None
    width: Annotated[Side | None, Field(description="Empty: the model's native size.")] = None
    height: Annotated[Side | None, Field(description="Empty: the model's native size.")] = None
    steps: int = Field(20, ge=1, le=spec.MAX_STEPS)
    cfg_scale: float = Field(7.5, ge=0.0, le=spec.MAX_GUIDANCE)
    sampler: Name = "Euler"
    scheduler: Name = "Automatic"
    seed: Seed = RANDOM_SEED
    batch_size: int = Field(1, ge=1, le=spec.MAX_BATCH_SIZE)
    clip_skip: int = Field(0, ge=0, le=spec.MAX_CLIP_SKIP, description="CLIP layers to leave out; 0 is none.")
    tiling: bool = False
    vae: Annotated[Name | None, Field(description="Another VAE than the checkpoint's own.")] = None
    variation: VariationIn | None = None
    hires: HiresIn | None = None

    image: Annotated[Picture | None, Field(description="The picture to start from.")] = None
    mask: Annotated[Picture | None, Field(description="White is painted anew.")] = None
    strength: Share = 0.75
    resize_mode: spec.ResizeMode = "stretch"
    mask_blur: int = Field(4, ge=0, le=limits.MAX_MASK_BLUR)
    mask_invert: bool = False
    inpaint_fill: spec.Fill = "original"
    inpaint_only_masked: bool = False
    inpaint_padding: int = Field(32, ge=0, le=limits.MAX_PADDING)
    outpaint: OutpaintIn | None = None

    loras: list[LoraIn] = Field([], max_length=SLOTS)
    freeu_beta: float = Field(0.0, ge=0.0, le=2.0, description="FreeU's b1 and b2 in one number; 0 is off.")
    freeu: FreeUIn | None = None
    pag_scale: float = Field(0.0, ge=0.0, le=limits.MAX_PAG_SCALE)
    cfg_rescale: Share = 0.0
    refiner: RefinerIn | None = None
    controlnet: Annotated[
        list[ControlIn], Field(max_length=limits.MAX_CONTROL_UNITS, description="One unit, or a list.")
    ] = []
    control_maps: bool = Field(default=False, description="Keep the maps that the preprocessors made.")
    ip_adapter: Annotated[
        list[IpAdapterIn], Field(max_length=limits.MAX_IP_ADAPTERS, description="One adapter, or a list.")
    ] = []

    face_restoration: FaceRestorationIn | None = None
    adetailer: Annotated[
        list[DetailIn], Field(max_length=limits.MAX_POSTPROCESS_STEPS - 2, description="One pass, or a list.")
    ] = []
    upscale: UpscaleIn | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_asked(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        asked = {
            name: value
            for name, value in data.items()
            if value is not None and not (name in _OFF_WHEN_EMPTY and value in _OFF)
        }
        for name in _LISTS:
            if isinstance(asked.get(name), dict):
                asked[name] = [asked[name]]
        asked["task"] = task = _task(asked)
        if task in _OWN_FIELDS:
            asked.setdefault(task, _OWN_FIELDS[task])  # by its name alone it is done in the usual way
        if task in PROCESS_TASKS:
            return {name: asked[name] for name in _PROCESS_FIELDS if name in asked}
        asked["controlnet"] = _units(asked)
        return {name: value for name, value in asked.items() if name not in _unused(asked)}

    @model_validator(mode="after")
    def _complete(self) -> "GenerateIn":
        if self.task not in PROCESS_TASKS | {"adetailer"} and "prompt" not in self.model_fields_set:
            raise invalid_field("prompt", "Field required")
        self._require_pictures()
        if self.task == "outpaint" and (self.outpaint is None or not any(dict(self.outpaint).values())):
            raise invalid_field("outpaint", "outpainting needs a side to grow on")
        return self

    def _require_pictures(self) -> None:
        if self.task in PROCESS_TASKS | PAINT_TASKS and self.image is None:
            raise invalid_field("image", f"{self.task} needs a picture", hint="Send it in base64, or its id.")
        if self.task == "inpaint" and self.mask is None:
            raise invalid_field("mask", "inpaint needs a mask", hint="White is painted anew, black is kept.")
        if self.task in PROCESS_TASKS:
            return
        for index, unit in enumerate(self.controlnet):
            if unit.image is None and self.image is None:
                raise invalid_field(f"controlnet.{index}.image", "a control unit needs a picture")


def generate_in(data: object) -> GenerateIn:
    """Check what a client sent. Raises ``PortalError("invalid_input")``."""
    try:
        return GenerateIn.model_validate(data)
    except ValidationError as error:
        raise invalid_input(error) from None


def _task(asked: dict[str, Any]) -> str:
    """The task that is named, or that the other fields say."""
    task = asked.get("task")
    if task is not None and not _is_control_task(task) and task not in TASKS:
        raise invalid_field(
            "task", f"there is no task {str(task)[:40]!r}", hint=f"There are: {', '.join(TASKS)}."
        )
    if task is not None:
        return str(task)
    for name, meant in (("outpaint", "outpaint"), ("mask", "inpaint"), ("image", "img2img")):
        if name in asked:
            return meant
    return "txt2img"


def _is_control_task(task: object) -> bool:
    return isinstance(task, str) and task.startswith(CONTROL_PREFIX) and len(task) <= 32


def _units(asked: dict[str, Any]) -> Any:
    """The control units that are on; the first of a task ``controlnet_<type>`` is of that type unless it says
    otherwise.
    """
    units = asked.get("controlnet", [])
    if not isinstance(units, list):
        return units
    if _is_control_task(asked["task"]):
        first, *others = units or [{}]
        meant = asked["task"].removeprefix(CONTROL_PREFIX)
        units = [{**first, "type": first.get("type") or meant} if isinstance(first, dict) else first, *others]
    return [unit for unit in units if not isinstance(unit, dict) or _is_on(unit)]


def _is_on(unit: dict[str, Any]) -> bool:
    return bool(unit.get("model")) or unit.get("type") not in (None, "", "none")


def _unused(asked: dict[str, Any]) -> set[str]:
    """Pictures that the task does not look at: the predecessor's page sends those of its other tabs too."""
    task = asked["task"]
    unused = set()
    units = asked["controlnet"] if isinstance(asked["controlnet"], list) else []
    if task not in PAINT_TASKS and all(isinstance(unit, dict) and unit.get("image") for unit in units):
        unused.add("image")
    if task not in ("inpaint", "outpaint"):
        unused.add("mask")
    if task != "outpaint":
        unused.add("outpaint")
    return unused
