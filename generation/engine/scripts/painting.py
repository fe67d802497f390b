"""One pass: rows are made, denoised and decoded."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from generation.engine import checkpoints
from generation.engine.catalog import resolve_sampler
from generation.engine.checkpoints.families import Family
from generation.engine.conditioning import Conditioning, Reader
from generation.engine.decoding import picture_decode
from generation.engine.devices import is_out_of_memory
from generation.engine.model_cache import CHECKPOINT, ModelKind, cache_key
from generation.engine.placement import tiled
from generation.engine.preview import painter_for
from generation.engine.rows import BatchKey, Row
from generation.engine.samplers import Sampler, build_sampler
from generation.engine.scripts.beginnings import INPAINTING_CHANNELS, Beginning, unmasked
from generation.engine.scripts.networks import text_additions
from generation.engine.scripts.script import Desk, Step
from generation.engine.scripts.steering import steer
from generation.engine.spec import GenerationRequest
from generation.engine.techniques import Technique

if TYPE_CHECKING:
    from PIL.Image import Image

    from generation.engine.checkpoints.components import Checkpoint
    from generation.engine.checkpoints.vae import LoadedVae


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """What a request paints with. Held until its run ends."""

    key: str
    """The checkpoint's in the model cache."""
    checkpoint: "Checkpoint"
    vae: Any
    """An ``AutoencoderKL``: the request's, or the checkpoint's own."""

    @property
    def scale(self) -> int:
        """Pixels per latent cell on a side."""
        return 1 << (len(self.vae.config["block_out_channels"]) - 1)

    @property
    def sees_masks(self) -> bool:
        """Whether the denoiser has channels for a mask and the picture under it."""
        return bool(self.checkpoint.unet.config["in_channels"] == INPAINTING_CHANNELS)

    @property
    def channels(self) -> int:
        """Of the latents."""
        return int(self.vae.config.get("latent_channels", 4))


def studio_open(desk: Desk, request: GenerationRequest) -> Step[Studio]:
    """Load what every pass of the request needs. Raises ``EngineError``."""
    checkpoint = yield from desk.model(CHECKPOINT, request.checkpoint)
    other = yield from vae_of(desk, request, checkpoint.info.family)
    if other is not None:
        other.require_fit(checkpoint.latent_channels)
    desk.run.painter = painter_for(checkpoint)
    vae = checkpoint.vae if other is None else other.vae
    return Studio(key=cache_key(request.checkpoint), checkpoint=checkpoint, vae=vae)


def vae_of(desk: Desk, request: GenerationRequest, family: Family) -> "Step[LoadedVae | None]":
    """The request's own VAE, or None where it takes the checkpoint's. Raises ``EngineError``."""
    if request.vae is None:
        return None
    kind: ModelKind[LoadedVae] = ModelKind(
        f"vae of {family}", lambda path, dtype: checkpoints.vae_load(path, family, dtype)
    )
    return (yield from desk.model(kind, request.vae))


def rows_denoise(
    desk: Desk,
    studio: Studio,
    request: GenerationRequest,
    beginning: Beginning,
    *,
    hires_base: int | None = None,
    pause_at: int | None = None,
) -> Step[list[Row]]:
    """One row per picture, from its beginning to its last step, or to ``pause_at``. ``hires_base`` are the
    first pass's steps, in its second one: the prompt's schedule goes on from there.
    """
    steps = request.steps - beginning.skip
    techniques = yield from steer(desk, studio.checkpoint, request)
    if studio.sees_masks and not beginning.is_masked:
        yield from desk.turn()
        techniques += (desk.attempt(lambda: unmasked(studio.vae, request.width, request.height)),)
    conditioning = yield from conditioning_for(desk, studio, request, steps=steps, hires_base=hires_base)
    easel = _Easel(desk, studio, request, conditioning, techniques)
    rows = desk.attempt(
        lambda: [easel.row(beginning, index, seed) for index, seed in enumerate(request.seeds)]
    )
    for row in rows:
        row.pause_at = pause_at
    yield from desk.denoise(rows)
    return rows


def conditioning_for(
    desk: Desk, studio: Studio, request: GenerationRequest, *, steps: int, hires_base: int | None = None
) -> Step[Conditioning]:
    """What the request's prompts tell the studio's denoiser over ``steps``."""
    additions = yield from text_additions(desk, studio.checkpoint, request)
    reader = Reader(studio.key, studio.checkpoint, additions)
    return desk.attempt(lambda: desk.conditioner.encode(reader, request, steps=steps, hires_base=hires_base))


def rows_decode(desk: Desk, studio: Studio, rows: Sequence[Row]) -> "Step[list[Image]]":
    """The rows' pictures, a turn each."""
    images: list[Image] = []
    for row in rows:
        yield from desk.turn()
        with ExitStack() as stack:
            for technique in row.techniques:
                stack.enter_context(technique.decoding(studio.vae))
            images.append(_decode(desk, studio.vae, row.latents))
    return images


def _decode(desk: Desk, vae: Any, latents: torch.Tensor) -> "Image":
    """In tiles where the picture as a whole does not fit, even after making room."""
    try:
        return desk.attempt(lambda: picture_decode(vae, latents))
    except Exception as error:
        if not is_out_of_memory(error) or vae.use_tiling:
            raise
    desk.cache.evict_idle()
    with tiled(vae):
        return picture_decode(vae, latents)


@dataclass(frozen=True, slots=True)
class _Easel:
    """What all rows of a pass have in common."""

    desk: Desk
    studio: Studio
    request: GenerationRequest
    conditioning: Conditioning
    techniques: tuple[Technique, ...]

    def row(self, beginning: Beginning, index: int, seed: int) -> Row:
        """The row of the picture with this index."""
        sampler = self._sampler(seed, skip=beginning.skip)
        generator = torch.Generator("cpu").manual_seed(seed)
        opening = beginning.open(index, sampler, generator)
        techniques = (*self.techniques, *opening.techniques)
        return Row(
            owner=self.desk.run,
            key=batch_key(self.studio, self.request, self.conditioning, techniques),
            sampler=sampler,
            generator=generator,
            latents=opening.latents,
            guidance=self.request.guidance_scale,
            conditioning=self.conditioning,
            techniques=techniques,
            maps=tuple(shown for technique in techniques for shown in technique.maps),
        )

    def _sampler(self, seed: int, *, skip: int) -> Sampler:
        name, schedule = resolve_sampler(self.request.sampler, self.request.schedule)
        return build_sampler(
            name,
            schedule,
            steps=self.request.steps,
            scheduler_config=self.studio.checkpoint.scheduler_config,
            width=self.request.width,
            height=self.request.height,
            seed=seed,
            skip=skip,
        )


def batch_key(
    studio: Studio,
    request: GenerationRequest,
    conditioning: Conditioning,
    techniques: tuple[Technique, ...],
) -> BatchKey:
    """What a row of the request shares calls by."""
    return BatchKey(
        checkpoint=studio.key,
        width=request.width,
        height=request.height,
        guided=conditioning.guided,
        parts=conditioning.parts,
        chunks=conditioning.chunks,
        techniques=tuple(technique.key for technique in techniques if technique.key is not None),
        extra_places=sum(technique.extra_places for technique in techniques),
    )
