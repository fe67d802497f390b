"""The refiner: another checkpoint takes the rows over for their last steps."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from generation.engine.model_cache import CHECKPOINT, cache_key
from generation.engine.rows import Row
from generation.engine.scripts.beginnings import Beginning
from generation.engine.scripts.painting import Studio, batch_key, conditioning_for, rows_denoise
from generation.engine.scripts.script import Desk, Step
from generation.engine.scripts.steering import steer
from generation.engine.spec import GenerationRequest, Refiner
from generation.engine.spec.limits import invalid
from generation.engine.techniques import Technique


def rows_paint(
    desk: Desk,
    studio: Studio,
    request: GenerationRequest,
    beginning: Beginning,
    *,
    hires_base: int | None = None,
) -> Step[list[Row]]:
    """``rows_denoise``, and the request's refiner for the end of the way."""
    refiner = request.refiner
    if refiner is None or refiner.switch_at >= 1.0:
        return (yield from rows_denoise(desk, studio, request, beginning, hires_base=hires_base))
    pause_at = ceil(refiner.switch_at * (request.steps - beginning.skip))
    rows = yield from rows_denoise(desk, studio, request, beginning, hires_base=hires_base, pause_at=pause_at)
    yield from _take_over(desk, studio, replace(request, refiner=None), refiner, rows)
    yield from desk.denoise(rows)
    return rows


def _take_over(
    desk: Desk, studio: Studio, request: GenerationRequest, refiner: Refiner, rows: Sequence[Row]
) -> Step[None]:
    """Tell the rows what they are now denoised with. What follows the base's own network (ControlNets,
    IP-Adapters, LoRAs, embeddings) stays with it.
    """
    checkpoint = yield from desk.model(CHECKPOINT, refiner.checkpoint)
    if (checkpoint.info.family, checkpoint.latent_channels) != (
        studio.checkpoint.info.family,
        studio.checkpoint.latent_channels,
    ):
        name = refiner.checkpoint.name or refiner.checkpoint.path.name
        raise invalid(
            "refiner.checkpoint",
            f"{name} is of another family than the checkpoint.",
            hint="A refiner goes on with the other model's latents, so both must be of one family.",
        )
    plain = replace(request, controls=(), ip_adapters=(), loras=(), embeddings=(), clip_skip=0)
    other = replace(studio, key=cache_key(refiner.checkpoint), checkpoint=checkpoint)
    shared = yield from steer(desk, checkpoint, plain)
    conditioning = yield from conditioning_for(desk, other, plain, steps=rows[0].total)
    for row in rows:
        own: tuple[Technique, ...] = tuple(each for each in row.techniques if each.key is None)
        row.techniques = (*(each for each in shared if each.key is not None), *own)
        row.conditioning = conditioning
        row.key = batch_key(other, plain, conditioning, row.techniques)
        row.pause_at = None
