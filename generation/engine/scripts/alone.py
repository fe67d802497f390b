"""Requests for SD3 and Flux: diffusers' own pipelines, a step at a time, between everybody else's ticks."""

from typing import TYPE_CHECKING, Final

from generation.engine import checkpoints
from generation.engine.checkpoints import CheckpointInfo
from generation.engine.checkpoints.flow import FlowCheckpoint
from generation.engine.exclusive import exclusive_run, require_supported
from generation.engine.model_cache import ModelKind
from generation.engine.preview import painter_for, preview_jpeg
from generation.engine.scripts.networks import networks_merged
from generation.engine.scripts.painting import vae_of
from generation.engine.scripts.script import Desk, Outcome, Script
from generation.engine.spec import GenerationRequest

if TYPE_CHECKING:
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
    work = exclusive_run(checkpoint, request, vae=vae, networks=weights, on_step=on_step)
    images = yield from desk.slices("denoising", work)
    return Outcome(images=tuple(images), seeds=request.seeds, steps=request.steps, buckets=(1,))
