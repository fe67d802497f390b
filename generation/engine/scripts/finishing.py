"""What is done to finished pictures, one step after the other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from generation.engine.errors import EngineError
from generation.engine.model_cache import ModelKind
from generation.engine.postprocess.faces import face_restorer_load, restore
from generation.engine.scripts.detailing import detail
from generation.engine.scripts.enlarging import enlarge
from generation.engine.scripts.script import Desk, Outcome, Script, Step
from generation.engine.spec import (
    FaceRestoration,
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
            elif isinstance(step, FaceRestoration):
                finished[index] = yield from _repaint_faces(desk, image, step)
            elif request is not None:
                finished[index] = yield from detail(desk, request, step, image, request.seeds[index])
    return finished


def _repaint_faces(desk: Desk, image: "Image", step: FaceRestoration) -> "Step[Image]":
    helpers = desk.config.helpers
    if helpers is None:
        raise EngineError(
            "model_missing",
            "The engine was given no folder with the files that face restoration needs.",
            hint="Name the folder that holds faces/ as the engine's helpers.",
            field="face_restoration",
        )
    kind = ModelKind("face restorer", lambda path, dtype: face_restorer_load(path, helpers, dtype))
    restorer = yield from desk.model(kind, step.model)
    return (yield from desk.slices("restoring", restore(image, restorer, step.visibility, step.fidelity)))
