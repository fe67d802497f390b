"""What is done to finished pictures, one step after the other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from generation.engine.errors import EngineError
from generation.engine.scripts.detailing import detail
from generation.engine.scripts.enlarging import enlarge
from generation.engine.scripts.script import Desk, Outcome, Script, Step
from generation.engine.spec import (
    Detailing,
    GenerationRequest,
    PostprocessStep,
    ProcessRequest,
    Upscale,
)

if TYPE_CHECKING:
    from PIL.Image import Image


def process(desk: Desk, request: ProcessRequest) -> Script:
    """The script of a ``ProcessRequest``."""
    images = yield from finish(desk, request.images, request.steps)
    return Outcome(images=tuple(images))


def finish(
    desk: Desk,
    images: "Sequence[Image]",
    steps: Sequence[PostprocessStep],
    *,
    request: GenerationRequest | None = None,
) -> "Step[list[Image]]":
    """The pictures after all ``steps``; ``request`` is what detailing paints with."""
    finished = list(images)
    for step in steps:
        for index, image in enumerate(finished):
            if isinstance(step, Upscale):
                finished[index] = yield from enlarge(desk, image, step)
            elif isinstance(step, Detailing) and request is not None:
                finished[index] = yield from detail(desk, request, step, image, request.seeds[index])
            else:
                raise EngineError("unsupported_feature", f"{type(step).__name__} is not there yet.")
    return finished
