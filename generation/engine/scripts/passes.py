"""From a request to its pictures, before anything is done to those: one pass, or two with the hires fix."""

from dataclasses import replace

from generation.engine.rows import Row
from generation.engine.scripts.beginnings import (
    Beginning,
    Encoded,
    FromNoise,
    FromPicture,
    latent_mask,
    masked_pixels,
    noise_for,
    picture_encode,
    pixels_of,
    skipped_steps,
)
from generation.engine.scripts.canvas import Canvas, canvas_for
from generation.engine.scripts.controls import controls_seen
from generation.engine.scripts.painting import Studio, rows_decode
from generation.engine.scripts.refining import rows_paint
from generation.engine.scripts.script import Desk, Outcome, Step
from generation.engine.scripts.second_pass import second_pass
from generation.engine.spec import GenerationRequest


def paint(desk: Desk, studio: Studio, request: GenerationRequest) -> Step[Outcome]:
    """The pictures of one request, without its steps after."""
    canvas = None
    if request.init is not None:
        canvas = canvas_for(request.init, request.width, request.height)
    request = controls_seen(request)
    beginning = yield from _begin(desk, studio, request, canvas)
    desk.run.ahead = steps_to_come(request)
    # Of two passes only the second one is refined, as in A1111.
    first = request if request.hires is None else replace(request, refiner=None)
    rows = yield from rows_paint(desk, studio, first, beginning)
    calls, buckets = rows[0].total, _buckets(rows)
    maps = rows[0].maps
    if request.hires is not None:
        rows = yield from second_pass(desk, studio, request, rows)
        buckets |= _buckets(rows)
    images = yield from rows_decode(desk, studio, rows)
    if canvas is not None:
        images = [canvas.finish(image) for image in images]
    return Outcome(
        images=tuple(images),
        seeds=request.seeds,
        steps=calls,
        buckets=tuple(sorted(buckets)),
        control_maps=maps,
    )


def steps_to_come(request: GenerationRequest) -> int:
    """Denoiser calls of the second pass, about."""
    hires = request.hires
    if hires is None:
        return 0
    steps = hires.steps or request.steps
    return steps - skipped_steps(steps, hires.strength)


def _buckets(rows: list[Row]) -> set[int]:
    return set().union(*(row.buckets for row in rows))


def _begin(desk: Desk, studio: Studio, request: GenerationRequest, canvas: Canvas | None) -> Step[Beginning]:
    """Where the first pass starts from; a picture is encoded in a turn of its own."""
    noise = noise_for(request, studio.channels, studio.scale, desk.device)
    init = request.init
    if init is None or canvas is None:
        return FromNoise(noise)
    yield from desk.turn()
    encoded = desk.attempt(lambda: picture_encode(studio.vae, pixels_of(canvas.picture)))
    beginning = FromPicture(pictures=[encoded], noise=noise, skip=skipped_steps(request.steps, init.strength))
    if canvas.mask is None:
        return beginning
    return replace(
        beginning,
        masks=[latent_mask(canvas.mask, studio.scale).to(desk.device)],
        holes=(yield from _holes(desk, studio, canvas)),
        fill=init.mask.fill if init.mask else "original",
        pure_noise=init.strength >= 1.0,
    )


def _holes(desk: Desk, studio: Studio, canvas: Canvas) -> Step[list[Encoded]]:
    if not studio.sees_masks:
        return []
    yield from desk.turn()
    return [desk.attempt(lambda: picture_encode(studio.vae, masked_pixels(canvas)))]
