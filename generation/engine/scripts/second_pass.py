"""The hires fix: the first pass's pictures, enlarged and denoised once more."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import torch
from PIL import Image

from generation.engine.rows import Row
from generation.engine.scripts.beginnings import (
    Beginning,
    FromLatents,
    FromPicture,
    noise_for,
    picture_encode,
    pixels_of,
    skipped_steps,
)
from generation.engine.scripts.enlarging import enlarge
from generation.engine.scripts.painting import Studio, rows_decode
from generation.engine.scripts.refining import rows_paint
from generation.engine.scripts.script import Desk, Step
from generation.engine.spec import (
    LATENT_UPSCALERS,
    MAX_SIDE,
    GenerationRequest,
    HiresFix,
    Upscale,
)
from generation.engine.spec.limits import invalid

_LATENT: Final[Mapping[str, Mapping[str, Any]]] = dict(
    zip(
        LATENT_UPSCALERS,
        (
            {"mode": "bilinear"},
            {"mode": "bilinear", "antialias": True},
            {"mode": "bicubic"},
            {"mode": "nearest-exact"},
        ),
        strict=True,
    )
)
_PIXEL: Final = {"Lanczos": Image.Resampling.LANCZOS, "Nearest": Image.Resampling.NEAREST}


def second_pass(
    desk: Desk, studio: Studio, request: GenerationRequest, first: Sequence[Row]
) -> Step[list[Row]]:
    """The rows of the second pass, denoised."""
    hires = request.hires
    if hires is None or hires.strength == 0.0:
        return list(first)
    again = request_again(request, hires, studio.scale)
    beginning = yield from _begin(desk, studio, again, hires, first)
    desk.run.ahead = 0
    return (yield from rows_paint(desk, studio, again, beginning, hires_base=request.steps))


def request_again(request: GenerationRequest, hires: HiresFix, multiple: int) -> GenerationRequest:
    """The second pass as a request of its own. Raises ``EngineError`` with field ``hires.scale`` where it
    would be too large.
    """
    width, height = (
        int(side * hires.scale) // multiple * multiple for side in (request.width, request.height)
    )
    if max(width, height) > MAX_SIDE:
        raise invalid(
            "hires.scale", f"The second pass would be {width} x {height} pixels; {MAX_SIDE} are allowed."
        )
    guidance = hires.guidance_scale
    return replace(
        request,
        width=width,
        height=height,
        steps=hires.steps or request.steps,
        sampler=hires.sampler or request.sampler,
        schedule=hires.schedule or request.schedule,
        prompt=hires.prompt or request.prompt,
        negative_prompt=hires.negative_prompt or request.negative_prompt,
        guidance_scale=request.guidance_scale if guidance is None else guidance,
        init=None,
        hires=None,
    )


def _begin(
    desk: Desk, studio: Studio, again: GenerationRequest, hires: HiresFix, first: Sequence[Row]
) -> Step[Beginning]:
    noise = noise_for(again, studio.channels, studio.scale, desk.device)
    skip = skipped_steps(again.steps, hires.strength)
    if isinstance(hires.upscaler, str) and hires.upscaler in _LATENT:
        size = noise.shape[2:]
        options = _LATENT[hires.upscaler]
        larger = [torch.nn.functional.interpolate(row.latents, size=size, **options) for row in first]
        return FromLatents(larger, noise, skip)
    images = yield from rows_decode(desk, studio, first)
    encoded = []
    for image in images:
        enlarged = yield from _enlarged(desk, image, again, hires)
        yield from desk.turn()
        encoded.append(desk.attempt(lambda image=enlarged: picture_encode(studio.vae, pixels_of(image))))  # type: ignore[misc]
    return FromPicture(pictures=encoded, noise=noise, skip=skip)


def _enlarged(desk: Desk, image: Image.Image, again: GenerationRequest, hires: HiresFix) -> Step[Image.Image]:
    """A picture at the second pass's size."""
    size = (again.width, again.height)
    if isinstance(hires.upscaler, str):
        return image.resize(size, _PIXEL[hires.upscaler])
    larger = yield from enlarge(desk, image, Upscale(model=hires.upscaler, scale=hires.scale))
    return larger if larger.size == size else larger.resize(size, Image.Resampling.LANCZOS)
