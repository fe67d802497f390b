"""SD3 and Flux, which run alone through diffusers' own pipelines instead of row by row in the common batch.

``require_supported`` says, before anything is loaded, what of a request cannot be done for them; it needs no
torch. ``exclusive_run`` makes the pictures of a loaded checkpoint in slices, so that the common batch goes
on in between.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from generation.engine.exclusive.support import require_supported

if TYPE_CHECKING:
    from PIL.Image import Image

    from generation.engine.checkpoints.flow import FlowCheckpoint
    from generation.engine.checkpoints.vae import LoadedVae
    from generation.engine.exclusive.running import ExclusiveStep
    from generation.engine.networks import Merged
    from generation.engine.slices import Slices
    from generation.engine.spec import GenerationRequest

__all__ = ["exclusive_run", "require_supported"]


def exclusive_run(
    checkpoint: "FlowCheckpoint",
    request: "GenerationRequest",
    *,
    vae: "LoadedVae | None" = None,
    networks: "Merged | None" = None,
    on_step: "Callable[[ExclusiveStep], None]" = lambda _: None,
) -> "Slices[list[Image]]":
    """One picture for each of ``request.seeds``, made one after the other: none depends on the others.

    To be driven by the device thread, which also calls ``on_step`` after each denoiser step. ``vae`` stands
    in for the checkpoint's own; ``networks`` are what ``merge`` made of the request's LoRAs for
    ``checkpoint.components``. Closing the generator stops within a step. Raises ``EngineError``: what
    ``require_supported`` says, ``invalid_request`` for a mask or margins without sense, ``out_of_memory``,
    ``not_finite`` or ``engine_failed``.
    """
    from generation.engine.exclusive.running import run

    return run(checkpoint, request, vae=vae, networks=networks, on_step=on_step)
