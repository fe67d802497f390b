"""From a request and a loaded checkpoint to rows that can be denoised."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

import torch

from generation.engine.catalog import resolve_sampler
from generation.engine.conditioning import Conditioner, Conditioning
from generation.engine.rows import BatchKey, Row, first_latents
from generation.engine.samplers import build_sampler
from generation.engine.spec import GenerationRequest

if TYPE_CHECKING:
    from generation.engine.checkpoints.components import Checkpoint


class Preparer:
    """Encodes prompts and builds samplers; remembers encoded prompts between requests."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._conditioner = Conditioner()

    def rows(
        self, owner: Hashable, request: GenerationRequest, model: str, checkpoint: "Checkpoint"
    ) -> list[Row]:
        """One row per seed; ``model`` is the checkpoint's cache key. May raise ``EngineError``."""
        conditioning = self._conditioner.encode(model, checkpoint, request)
        key = BatchKey(
            checkpoint=model,
            width=request.width,
            height=request.height,
            guided=conditioning.guided,
            parts=conditioning.parts,
            chunks=conditioning.chunks,
        )
        return [self._row(owner, request, seed, key, checkpoint, conditioning) for seed in request.seeds]

    def _row(
        self,
        owner: Hashable,
        request: GenerationRequest,
        seed: int,
        key: BatchKey,
        checkpoint: "Checkpoint",
        conditioning: Conditioning,
    ) -> Row:
        name, schedule = resolve_sampler(request.sampler, request.schedule)
        sampler = build_sampler(
            name,
            schedule,
            steps=request.steps,
            scheduler_config=checkpoint.scheduler_config,
            width=request.width,
            height=request.height,
            seed=seed,
        )
        generator = torch.Generator("cpu").manual_seed(seed)
        scale = checkpoint.vae_scale
        shape = (1, checkpoint.unet.config["in_channels"], request.height // scale, request.width // scale)
        return Row(
            owner=owner,
            key=key,
            sampler=sampler,
            generator=generator,
            latents=first_latents(sampler, generator, shape, self._device),
            guidance=request.guidance_scale,
            conditioning=conditioning,
        )
