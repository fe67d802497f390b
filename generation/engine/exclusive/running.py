"""The pictures of one request by a pipeline, a step at a time."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from generation.engine.decoding import picture_decode
from generation.engine.devices import engine_error
from generation.engine.errors import EngineError
from generation.engine.exclusive.baton import sliced
from generation.engine.exclusive.pipelines import Painting, Prepared, prepare
from generation.engine.exclusive.support import require_supported
from generation.engine.scripts.canvas import canvas_for
from generation.engine.slices import Portion, Slices
from generation.engine.spec import GenerationRequest

if TYPE_CHECKING:
    from collections.abc import Generator

    from generation.engine.checkpoints.flow import FlowCheckpoint
    from generation.engine.checkpoints.vae import LoadedVae
    from generation.engine.networks import Merged

logger = logging.getLogger(__name__)

Step = tuple[int, int, torch.Tensor]
"""Number of a denoiser step from 1, of how many, and what it leads to, as in ``ExclusiveStep``."""


@dataclass(frozen=True, slots=True)
class ExclusiveStep:
    """A denoiser step that was done."""

    picture: int
    """Which of the request's pictures, from 0; those before it are finished, but not decoded yet."""
    step: int
    """Denoiser steps done for it, 1 to ``total``."""
    total: int
    predicted: torch.Tensor
    """``[1, c, h, w]``: the picture that it is on the way to, in scaled latents, for a preview."""


def run(
    checkpoint: "FlowCheckpoint",
    request: GenerationRequest,
    *,
    vae: "LoadedVae | None",
    networks: "Merged | None",
    on_step: Callable[[ExclusiveStep], None],
) -> Slices[list[Image.Image]]:
    """See ``generation.engine.exclusive.exclusive_run``."""
    require_supported(request, checkpoint.info)
    if vae is not None:
        vae.require_fit(checkpoint.latent_channels)
    canvas = canvas_for(request.init, request.width, request.height) if request.init else None
    if canvas is not None and request.init is not None and request.init.strength == 0.0:
        return [canvas.finish(canvas.picture) for _ in request.seeds]
    own_vae = checkpoint.vae if vae is None else vae.vae
    painting = Painting(canvas.picture, canvas.mask) if canvas else Painting()
    with _explained(), _worn(checkpoint, networks):
        prepared = prepare(checkpoint, own_vae, request, painting)
    yield Portion(0, request.steps * request.batch_size)
    size = (request.height // checkpoint.vae_scale, request.width // checkpoint.vae_scale)
    made: list[torch.Tensor] = []
    for index, seed in enumerate(request.seeds):
        steps = _dressed(_steps(prepared, seed, size), checkpoint, networks)
        made.append((yield from _reported(steps, index, len(request.seeds), on_step)))
    pictures: list[Image.Image] = []
    for latents in made:
        with _explained(), torch.inference_mode():
            picture = picture_decode(own_vae, latents)
        pictures.append(canvas.finish(picture) if canvas else picture)
        if len(pictures) < len(made):
            yield Portion(len(pictures), len(made))
    return pictures


@contextmanager
def _worn(checkpoint: "FlowCheckpoint", networks: "Merged | None") -> Iterator[None]:
    """The checkpoint with ``networks`` worked in."""
    with ExitStack() as stack:
        for name, module in checkpoint.components.items() if networks is not None else ():
            if networks is not None and name in networks:
                stack.enter_context(networks.applied(name, module))
        yield


def _dressed(
    steps: "Generator[Step, None, torch.Tensor]", checkpoint: "FlowCheckpoint", networks: "Merged | None"
) -> "Generator[Step, None, torch.Tensor]":
    """``steps``, wearing the networks in its own turns only: in between the checkpoint is everybody's."""
    try:
        while True:
            with _worn(checkpoint, networks):
                try:
                    step = next(steps)
                except StopIteration as end:
                    latents: torch.Tensor = end.value
                    return latents
            yield step
    finally:
        steps.close()


def _reported(
    steps: "Generator[Step, None, torch.Tensor]",
    index: int,
    pictures: int,
    on_step: Callable[[ExclusiveStep], None],
) -> Slices[torch.Tensor]:
    try:
        while True:
            try:
                step, total, predicted = next(steps)
            except StopIteration as end:
                latents: torch.Tensor = end.value
                return latents
            on_step(ExclusiveStep(index, step, total, predicted))
            yield Portion(index * total + step, pictures * total)
    finally:
        steps.close()


def _steps(prepared: Prepared, seed: int, size: tuple[int, int]) -> "Generator[Step, None, torch.Tensor]":
    """The finished latents ``[1, c, h, w]`` of one picture; yields step, total and predicted latents."""
    pipeline = prepared.pipeline

    def work(hand_over: Callable[[Step], None]) -> torch.Tensor:
        with _explained(), _predictions(pipeline.scheduler) as predicted:

            def stepped(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
                hand_over((step + 1, pipeline.num_timesteps, _unpacked(predicted[-1], prepared, size)))
                return tensors

            latents: torch.Tensor = pipeline(
                **prepared.arguments,
                generator=torch.Generator("cpu").manual_seed(seed),
                output_type="latent",
                callback_on_step_end=stepped,
            ).images
        return _unpacked(latents, prepared, size)

    return sliced(work)


@contextmanager
def _predictions(scheduler: Any) -> Iterator[list[torch.Tensor]]:
    """A list whose last entry is what the scheduler's last step was on the way to, packed as the latents are.

    On a straight flow that is a sample less its noise level times the model's output (Lipman et al. 2023,
    arXiv:2210.02747); diffusers' schedulers do not give it away.
    """
    predicted: list[torch.Tensor] = []
    step = scheduler.step

    def watched(output: torch.Tensor, timestep: Any, sample: torch.Tensor, **options: Any) -> Any:
        if scheduler.step_index is None:
            scheduler._init_step_index(timestep)  # as its own first line does
        level = scheduler.sigmas[scheduler.step_index].to(sample.device)
        predicted[:] = [sample.float() - level * output.float()]
        return step(output, timestep, sample, **options)

    scheduler.step = watched
    try:
        yield predicted
    finally:
        del scheduler.step


def _unpacked(latents: torch.Tensor, prepared: Prepared, size: tuple[int, int]) -> torch.Tensor:
    """``[1, c, h, w]`` of a pipeline's latents: Flux packs 2 x 2 cells into one of 4 c channels."""
    if not prepared.packed:
        return latents
    height, width = size
    cells = latents.unflatten(1, (height // 2, width // 2)).unflatten(-1, (-1, 2, 2))
    spread: torch.Tensor = cells.permute(0, 3, 1, 4, 2, 5)
    return spread.flatten(4, 5).flatten(2, 3)


@contextmanager
def _explained() -> Iterator[None]:
    """Whatever a pipeline raises, as the one type that leaves the engine."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, EngineError):
            logger.warning("A pipeline failed.", exc_info=True)
        # Without its traceback, which would keep the failed attempt's tensors alive.
        raise engine_error(error.with_traceback(None), "making the picture") from None
