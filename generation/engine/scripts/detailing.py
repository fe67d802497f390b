"""Detailing (ADetailer): regions of a finished picture are found and painted anew at full size."""

from dataclasses import replace
from typing import TYPE_CHECKING

from generation.engine.model_cache import ModelKind
from generation.engine.postprocess.detectors import Detector, detect, detector_load
from generation.engine.postprocess.region_prompts import region_prompt
from generation.engine.postprocess.regions import detailing_masks
from generation.engine.scripts.canvas import flattened
from generation.engine.scripts.painting import studio_open
from generation.engine.scripts.passes import paint
from generation.engine.scripts.script import Desk, Step
from generation.engine.spec import MAX_SEED, Detailing, GenerationRequest, InitImage, Mask, ModelRef

if TYPE_CHECKING:
    from PIL.Image import Image

DETECTOR: ModelKind[Detector] = ModelKind("detector", lambda path, _dtype: detector_load(path))


def detail(
    desk: Desk, request: GenerationRequest, step: Detailing, image: "Image", seed: int
) -> "Step[Image]":
    """The picture with every region painted anew, one after the other, as ``request`` paints but for what
    ``step`` says otherwise. ``seed`` is the picture's; each region counts it up.
    """
    detector = yield from _detector(desk, step.detector)
    desk.run.report("detailing")
    yield from desk.turn()
    regions = desk.attempt(lambda: detect(image, detector, step.confidence))
    image = flattened(image)
    for number, mask in enumerate(detailing_masks(regions, step)):
        prompt = region_prompt(step.prompt, number, request.prompt)
        if prompt is None:
            continue
        unwanted = region_prompt(step.negative_prompt, number, request.negative_prompt) or ""
        init = InitImage(
            image=image,
            strength=step.strength,
            mask=Mask(image=mask, blur=step.blur, only_masked=True, padding=step.padding),
        )
        order = _order(request, step, seed=(seed + number) % (MAX_SEED + 1))
        studio = yield from studio_open(desk, request)
        painted = yield from paint(
            desk, studio, replace(order, prompt=prompt, negative_prompt=unwanted, init=init)
        )
        [image] = painted.images
    return image


def _detector(desk: Desk, source: ModelRef | str) -> Step[Detector]:
    if isinstance(source, str):
        return detector_load(source)
    return (yield from desk.model(DETECTOR, source))


def _order(request: GenerationRequest, step: Detailing, *, seed: int) -> GenerationRequest:
    """The request for one region, without its prompts and its picture."""
    guidance = request.guidance_scale if step.guidance_scale is None else step.guidance_scale
    return replace(
        request,
        width=step.width or request.width,
        height=step.height or request.height,
        steps=step.steps or request.steps,
        guidance_scale=guidance,
        seed=seed,
        batch_size=1,
        init=None,
        hires=None,
        variation=None,
        # They follow the whole picture, not the region.
        controls=(),
        tiling=False,
        refiner=None,
        postprocess=(),
    )
