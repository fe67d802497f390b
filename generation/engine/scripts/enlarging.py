"""Enlarging a picture, as a step of its own or on the way to a second pass."""

from typing import TYPE_CHECKING, Final

from generation.engine.model_cache import ModelKind
from generation.engine.postprocess.upscaling import Upscaler, upscale, upscaler_load
from generation.engine.scripts.script import Desk, Step
from generation.engine.spec import Upscale

if TYPE_CHECKING:
    from PIL.Image import Image

UPSCALER: Final[ModelKind[Upscaler]] = ModelKind("upscaler", upscaler_load)


def enlarge(desk: Desk, image: "Image", step: Upscale) -> "Step[Image]":
    """One picture enlarged by the step's model, or by Lanczos where it names none."""
    upscaler = None if step.model is None else (yield from desk.model(UPSCALER, step.model))
    return (yield from desk.slices("upscaling", upscale(image, upscaler, step.scale, step.tile)))
