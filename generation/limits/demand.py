"""What one job asks for."""

from collections.abc import Iterator
from dataclasses import dataclass

from generation.engine.spec import MAX_SIDE, SIDE_MULTIPLE
from generation.schemas import PROCESS_TASKS, Params


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A number that a request asks for, and the field that asks."""

    field: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is compared with a person's limits."""

    cost_tflop: float
    pictures: int
    """Rows in the gallery, kept control maps included."""
    sides: tuple[Asked, ...] = ()
    """Pixels, the longer side of each picture on the way."""
    steps: tuple[Asked, ...] = ()


def demand_of(params: Params, *, cost_tflop: float) -> Demand:
    """Of a job with these parameters."""
    return Demand(
        cost_tflop=cost_tflop,
        pictures=params.batch_size + (len(params.controlnet) if params.control_maps else 0),
        sides=tuple(_sides(params)),
        steps=tuple(_steps(params)),
    )


def _sides(params: Params) -> Iterator[Asked]:
    side = max(params.width, params.height)
    if params.task not in PROCESS_TASKS:
        yield Asked(field="width" if params.width >= params.height else "height", value=side)
    if params.hires is not None:
        side = min(int(side * params.hires.scale) // SIDE_MULTIPLE * SIDE_MULTIPLE, MAX_SIDE)
        yield Asked(field="hires.scale", value=side)
    for index, one in enumerate(params.adetailer):
        if one.width or one.height:
            name = "width" if one.width >= one.height else "height"
            yield Asked(field=f"adetailer.{index}.{name}", value=max(one.width, one.height))
    if params.upscale is not None:
        yield Asked(field="upscale.scale", value=round(side * params.upscale.scale))


def _steps(params: Params) -> Iterator[Asked]:
    if params.task in PROCESS_TASKS:
        return
    yield Asked(field="steps", value=params.steps)
    if params.hires is not None and params.hires.steps:
        yield Asked(field="hires.steps", value=params.hires.steps)
    for index, one in enumerate(params.adetailer):
        if one.steps:
            yield Asked(field=f"adetailer.{index}.steps", value=one.steps)
