"""``GET /options``: what a form may offer."""

from typing import Final

from django.http import HttpRequest
from ninja import Router, Schema

from generation.engine import spec
from generation.engine.catalog import SAMPLERS, SCHEDULES

router = Router(tags=["options"])

SIZES: Final = (512, 768, 1024)


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


class OptionsOut(Schema):
    """Everything a form may offer."""

    samplers: list[SamplerOut]
    schedules: list[ScheduleOut]
    limits: LimitsOut
    sizes: list[int]


@router.get(
    "/options", response=OptionsOut, operation_id="options_get", summary="Samplers, schedules and limits"
)
def options_get(request: HttpRequest) -> OptionsOut:
    """The same for everybody."""
    del request
    return options_out()


def options_out() -> OptionsOut:
    """The tables of the engine, in the form of the wire."""
    return OptionsOut(
        samplers=[
            SamplerOut(name=info.name, aliases=list(info.aliases), default_schedule=info.default_schedule)
            for info in SAMPLERS
        ],
        schedules=[ScheduleOut(name=info.name, label=info.label) for info in SCHEDULES],
        limits=LimitsOut(
            min_side=spec.MIN_SIDE,
            max_side=spec.MAX_SIDE,
            side_multiple=spec.SIDE_MULTIPLE,
            max_steps=spec.MAX_STEPS,
            max_guidance=spec.MAX_GUIDANCE,
            max_batch_size=spec.MAX_BATCH_SIZE,
            max_prompt_length=spec.MAX_PROMPT_LENGTH,
            max_clip_skip=spec.MAX_CLIP_SKIP,
        ),
        sizes=list(SIZES),
    )
