"""``GET /options``: what a form may offer."""

from typing import Final, cast

from django.http import HttpRequest
from ninja import Router, Schema

from generation.engine import spec
from generation.engine.catalog import SAMPLERS, SCHEDULES
from generation.engine.spec import limits
from generation.options.control import ControlTypeOut, PreprocessorOut, control_types, preprocessors
from generation.options.library import ModelNameOut, model_names
from generation.orders.finishing import DETECTORS, LANCZOS, RESTORERS, UPSCALER_METHODS
from generation.prompt_files import wildcards
from generation.schemas.guidance import SLOTS
from generation.selectors import styles_for
from models_hub.models import ModelFile
from sdweb.accounts.models import User

router = Router(tags=["options"])

SIZES: Final = (512, 768, 1024)
Kind = ModelFile.Kind


class SamplerOut(Schema):
    """A sampler, under its A1111 name."""

    name: str
    aliases: list[str]
    default_schedule: str
    """What "Automatic" means for it."""


class ScheduleOut(Schema):
    """A noise schedule: `name` to send, `label` to show."""

    name: str
    label: str


class LimitsOut(Schema):
    """The ranges that requests are checked against."""

    min_side: int
    max_side: int
    side_multiple: int
    max_steps: int
    max_guidance: float
    max_batch_size: int
    max_prompt_length: int
    max_clip_skip: int
    max_lora_slots: int
    max_lora_weight: float
    max_mask_blur: int
    max_padding: int
    max_hires_scale: float
    max_pag_scale: float
    max_control_units: int
    max_control_weight: float
    min_map_side: int
    max_map_side: int
    max_ip_adapters: int
    max_ip_pictures: int
    max_ip_scale: float
    max_upscale: float
    max_detections: int
    max_picture_pixels: int
    max_picture_side: int


class OptionsOut(Schema):
    """Everything a form may offer. Lists of models hold those of all families; a checkpoint goes with those
    of its own, and with those whose family is `unknown`.
    """

    samplers: list[SamplerOut]
    schedules: list[ScheduleOut]
    limits: LimitsOut
    sizes: list[int]
    control_types: list[ControlTypeOut]
    preprocessors: list[PreprocessorOut]
    controlnets: list[ModelNameOut]
    ip_adapters: list[ModelNameOut]
    loras: list[ModelNameOut]
    embeddings: list[ModelNameOut]
    vaes: list[ModelNameOut]
    upscale_methods: list[str]
    """Names that stand for an upscaler of their kind; `lanczos` needs none."""
    upscalers: list[ModelNameOut]
    hires_upscalers: list[str]
    """Those that need no model; models may be named too."""
    restoration_methods: list[str]
    face_restorers: list[ModelNameOut]
    builtin_detectors: list[str]
    detectors: list[ModelNameOut]
    styles: list[str]
    wildcards: list[str]


@router.get(
    "/options",
    response=OptionsOut,
    operation_id="options_get",
    summary="What requests may say",
)
def options_get(request: HttpRequest) -> OptionsOut:
    """Samplers, schedules, preprocessors with their parameters, models by kind, and limits."""
    # The API's authentication has let in nobody else.
    return options_out(cast("User", request.user))


def options_out(user: User) -> OptionsOut:
    """The tables of the engine and of this person's library, in the form of the wire."""
    names = model_names(user)
    return OptionsOut(
        samplers=[
            SamplerOut(name=info.name, aliases=list(info.aliases), default_schedule=info.default_schedule)
            for info in SAMPLERS
        ],
        schedules=[ScheduleOut(name=info.name, label=info.label) for info in SCHEDULES],
        limits=_limits(),
        sizes=list(SIZES),
        control_types=control_types(),
        preprocessors=preprocessors(),
        controlnets=names[Kind.CONTROLNET],
        ip_adapters=names[Kind.IP_ADAPTER],
        loras=names[Kind.LORA],
        embeddings=names[Kind.EMBEDDING],
        vaes=names[Kind.VAE],
        upscale_methods=[LANCZOS, *UPSCALER_METHODS],
        upscalers=names[Kind.UPSCALER],
        hires_upscalers=[*spec.LATENT_UPSCALERS, *spec.PIXEL_UPSCALERS],
        restoration_methods=list(RESTORERS),
        face_restorers=names[Kind.FACE_RESTORER],
        builtin_detectors=list(DETECTORS),
        detectors=names[Kind.DETECTOR],
        styles=[style.name for style in styles_for(user)],
        wildcards=list(wildcards()),
    )


def _limits() -> LimitsOut:
    return LimitsOut(
        min_side=spec.MIN_SIDE,
        max_side=spec.MAX_SIDE,
        side_multiple=spec.SIDE_MULTIPLE,
        max_steps=spec.MAX_STEPS,
        max_guidance=spec.MAX_GUIDANCE,
        max_batch_size=spec.MAX_BATCH_SIZE,
        max_prompt_length=spec.MAX_PROMPT_LENGTH,
        max_clip_skip=spec.MAX_CLIP_SKIP,
        max_lora_slots=SLOTS,
        max_lora_weight=limits.MAX_LORA_WEIGHT,
        max_mask_blur=limits.MAX_MASK_BLUR,
        max_padding=limits.MAX_PADDING,
        max_hires_scale=limits.MAX_HIRES_SCALE,
        max_pag_scale=limits.MAX_PAG_SCALE,
        max_control_units=limits.MAX_CONTROL_UNITS,
        max_control_weight=limits.MAX_CONTROL_WEIGHT,
        min_map_side=limits.MIN_MAP_SIDE,
        max_map_side=limits.MAX_MAP_SIDE,
        max_ip_adapters=limits.MAX_IP_ADAPTERS,
        max_ip_pictures=limits.MAX_IP_PICTURES,
        max_ip_scale=limits.MAX_IP_SCALE,
        max_upscale=limits.MAX_UPSCALE,
        max_detections=limits.MAX_DETECTIONS,
        max_picture_pixels=limits.MAX_PICTURE_PIXELS,
        max_picture_side=limits.MAX_PICTURE_SIDE,
    )
