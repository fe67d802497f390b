"""What one job asks for."""

from collections.abc import Iterator
from dataclasses import dataclass

from generation.engine.spec import MAX_SIDE, SIDE_MULTIPLE
from generation.forecasting import predicted_seconds
from generation.orders import Order
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
    family: str
    """Of the checkpoint; empty where the job needs none."""
    width: int
    """Pixels of the first pass; likewise ``height``."""
    height: int
    pictures: int
    """Rows in the gallery, kept control maps included."""
    sides: tuple[Asked, ...] = ()
    """Pixels, the longer side of each picture on the way."""
    steps: tuple[Asked, ...] = ()

    def seconds(self) -> float | None:
        """Of a GPU, predicted; None while nothing like it has been measured."""
        return predicted_seconds(
            cost_tflop=self.cost_tflop, family=self.family, width=self.width, height=self.height
        )


def demand_of(order: Order) -> Demand:
    """Of the job that this becomes."""
    params = order.params
    return Demand(
        cost_tflop=order.cost_tflop,
        family=order.model.family if order.model else "",
        width=params.width,
        height=params.height,
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
