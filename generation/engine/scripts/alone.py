"""Requests for SD3 and Flux: diffusers' own pipelines, a step at a time, between everybody else's ticks."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from generation.engine import checkpoints
from generation.engine.checkpoints import CheckpointInfo
from generation.engine.checkpoints.flow import FlowCheckpoint
from generation.engine.errors import EngineError
from generation.engine.exclusive import exclusive_run, require_supported
from generation.engine.model_cache import ModelKind
from generation.engine.placement import tiled
from generation.engine.preview import painter_for, preview_jpeg
from generation.engine.scripts.networks import networks_merged
from generation.engine.scripts.painting import vae_of
from generation.engine.scripts.script import Desk, Outcome, Script, Step
from generation.engine.slices import Slices
from generation.engine.spec import GenerationRequest

if TYPE_CHECKING:
    from PIL.Image import Image

    from generation.engine.exclusive.running import ExclusiveStep

FLOW: Final[ModelKind[FlowCheckpoint]] = ModelKind("checkpoint", checkpoints.flow_load)


def paint_alone(desk: Desk, request: GenerationRequest, info: CheckpointInfo) -> Script:
    """The pictures of a request whose checkpoint ``detect`` says is ``exclusive``."""
    require_supported(request, info)
    checkpoint = yield from desk.model(FLOW, request.checkpoint)
    vae = yield from vae_of(desk, request, info.family)
    networks = yield from networks_merged(desk, checkpoint, request)
    run, painter = desk.run, painter_for(checkpoint)
    run.model_ready()
    run.ahead = 0

    def on_step(step: "ExclusiveStep") -> None:
        if run.preview_due(desk.config.preview_interval):
            pictures = [painter.image(step.predicted)]
            run.show(preview_jpeg(pictures, (request.width, request.height), desk.config.preview_side))

    weights = None if networks is None else networks.weights
    own_vae = checkpoint.vae if vae is None else vae.vae
    images = yield from _leaner_at_last(
        desk,
        own_vae,
        lambda: exclusive_run(checkpoint, request, vae=vae, networks=weights, on_step=on_step),
    )
    return Outcome(images=tuple(images), seeds=request.seeds, steps=request.steps, buckets=(1,))


def _leaner_at_last(desk: Desk, vae: Any, work: "Callable[[], Slices[list[Image]]]") -> "Step[list[Image]]":
    """The pictures; where memory runs out, once more with everything idle dropped and the VAE in tiles."""
    try:
        return (yield from desk.slices("denoising", work()))
    except EngineError as error:
        if error.code != "out_of_memory" or vae.use_tiling:
            raise
    desk.cache.evict_idle()
    with tiled(vae):
        return (yield from desk.slices("denoising", work()))
