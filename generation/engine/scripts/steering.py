"""What steers a pass besides its prompts: from a request's fields to techniques.

A new technique is a file in ``generation.engine.techniques``, and one function here that makes it where the
request asks for it. Such a function may load models and take turns for device work; it is called once per
pass, with the request of that pass and so with its size.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from generation.engine.networks import DENOISER
from generation.engine.scripts.controls import controls
from generation.engine.scripts.image_prompts import image_prompts
from generation.engine.scripts.networks import networks_merged
from generation.engine.scripts.script import Desk, Step
from generation.engine.spec import GenerationRequest
from generation.engine.techniques import (
    FreeUpscaling,
    GuidanceRescale,
    NetworkWeights,
    PerturbedAttention,
    Technique,
    Tiling,
)

if TYPE_CHECKING:
    from generation.engine.checkpoints.components import Checkpoint

Steer = Callable[[Desk, "Checkpoint", GenerationRequest], Step[list[Technique]]]


def steer(desk: Desk, checkpoint: "Checkpoint", request: GenerationRequest) -> Step[tuple[Technique, ...]]:
    """The techniques that all rows of a pass share, in a fixed order. Raises ``EngineError``."""
    made: list[Technique] = []
    for make in STEERS:
        made += yield from make(desk, checkpoint, request)
    return tuple(made)


def _networks(desk: Desk, checkpoint: "Checkpoint", request: GenerationRequest) -> Step[list[Technique]]:
    found = yield from networks_merged(desk, checkpoint, request)
    changes = found is not None and DENOISER in found.weights
    return [NetworkWeights(found.weights, found.identity)] if found and changes else []


def _tiling(_desk: Desk, _checkpoint: "Checkpoint", request: GenerationRequest) -> Step[list[Technique]]:
    yield from ()
    return [Tiling()] if request.tiling else []


def _free_u(_desk: Desk, _checkpoint: "Checkpoint", request: GenerationRequest) -> Step[list[Technique]]:
    yield from ()
    return [FreeUpscaling(request.freeu)] if request.freeu else []


def _guidance(_desk: Desk, _checkpoint: "Checkpoint", request: GenerationRequest) -> Step[list[Technique]]:
    yield from ()
    made: list[Technique] = []
    if request.pag_scale > 0:
        made.append(PerturbedAttention(request.pag_scale))
    if request.cfg_rescale > 0:
        made.append(GuidanceRescale(request.cfg_rescale))
    return made


STEERS: Final[tuple[Steer, ...]] = (_networks, _tiling, _free_u, image_prompts, controls, _guidance)
"""Called in this order. Guidance comes last: its rescaling is of what all others have come to."""
