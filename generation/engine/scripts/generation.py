"""The way of a request for new pictures."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from generation.engine.catalog import resolve_sampler
from generation.engine.checkpoints import CheckpointInfo, detect
from generation.engine.model_cache import cache_key
from generation.engine.prompts import read_prompts
from generation.engine.scripts.alone import paint_alone
from generation.engine.scripts.canvas import flattened
from generation.engine.scripts.controls import refuse_unknown
from generation.engine.scripts.finishing import finish
from generation.engine.scripts.painting import studio_open
from generation.engine.scripts.passes import paint, steps_to_come
from generation.engine.scripts.script import Desk, Outcome, Script
from generation.engine.spec import GenerationRequest


def generate(desk: Desk, request: GenerationRequest) -> Script:
    """txt2img, img2img, inpainting and outpainting, and what follows on them."""
    refuse_unreadable(request)
    painted = yield from _pictures(desk, request)
    images = yield from finish(desk, painted.images, request.postprocess, request=request)
    return replace(painted, images=tuple(images))


def _pictures(desk: Desk, request: GenerationRequest) -> Script:
    init = request.init
    if init is not None and init.strength == 0.0:
        picture = flattened(init.image)
        return Outcome(images=(picture,) * request.batch_size, seeds=request.seeds)
    desk.run.ahead = request.steps + steps_to_come(request)
    info = _info(cache_key(request.checkpoint), request.checkpoint.path)
    if info.exclusive:
        return (yield from paint_alone(desk, request, info))
    studio = yield from studio_open(desk, request)
    return (yield from paint(desk, studio, request))


@lru_cache(maxsize=256)
def _info(key: str, path: Path) -> CheckpointInfo:
    """What ``detect`` says of the content that ``key`` stands for."""
    del key
    return detect(path)


def refuse_unreadable(request: GenerationRequest) -> None:
    """A name that nobody knows, or a prompt that nobody can read, must not cost a model load."""
    refuse_unknown(request)
    for sampler, schedule in _samplers(request):
        resolve_sampler(sampler, schedule)
    read_prompts(
        request.prompt,
        request.negative_prompt,
        steps=request.steps,
        guidance_scale=request.guidance_scale,
    )


def _samplers(request: GenerationRequest) -> list[tuple[str, str]]:
    own = [(request.sampler, request.schedule)]
    hires = request.hires
    if hires is None:
        return own
    return [*own, (hires.sampler or request.sampler, hires.schedule or request.schedule)]
