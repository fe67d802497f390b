"""Rows: single pictures on their way through the denoiser, and which of them are computed together.

Everything that makes a picture what it is belongs to its row: sampler, generator, latents, position,
guidance. So rows of different requests share one denoiser call, and a row comes out the same whatever its
company.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from generation.engine.samplers import Sampler, predicted_x0

if TYPE_CHECKING:
    from generation.engine.checkpoints.components import Checkpoint
    from generation.engine.conditioning import Condition

BUCKETS: Final = (1, 2, 4, 8, 16)
"""Padded batch sizes. Few, so that kernels chosen by shape (and the low bits they decide) vary little."""


class Prediction(NamedTuple):
    """The denoiser's output for one row, ``[1, 4, h, w]`` in fp32."""

    guided: torch.Tensor
    unconditional: torch.Tensor | None
    """The half without the prompt; None where the row is not guided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchKey:
    """What two rows must have in common to share a denoiser call."""

    checkpoint: str
    width: int
    height: int
    guided: bool
    chunks: int


@dataclass(slots=True, eq=False, kw_only=True)
class Row:
    """One picture being denoised."""

    owner: Hashable
    """The request it belongs to: rows of one owner take turns when there is not room for all."""
    key: BatchKey
    sampler: Sampler
    generator: torch.Generator
    """On the CPU, so that a seed means the same noise on every device."""
    latents: torch.Tensor
    """``[1, 4, height / 8, width / 8]``, fp32, on the device."""
    guidance: float
    positive: "Condition"
    negative: "Condition | None"
    step: int = 0
    """Denoiser calls done."""
    served: int = -1
    """Number of the last tick that it took part in."""
    buckets: set[int] = field(default_factory=set)
    x0: torch.Tensor | None = None
    """The predicted picture's latents, from the last step that was asked for them."""

    @property
    def total(self) -> int:
        """Denoiser calls from start to end; a guess while an adaptive sampler runs."""
        return max(self.step, len(self.sampler.timesteps))

    @property
    def finished(self) -> bool:
        return self.sampler.finished

    @property
    def timestep(self) -> torch.Tensor:
        return self.sampler.timesteps[self.step]

    def model_input(self) -> torch.Tensor:
        return self.sampler.scale_model_input(self.latents, self.timestep)

    def advance(self, prediction: Prediction, *, want_x0: bool) -> None:
        """Take one sampler step with what the denoiser said, and remember the predicted picture if wanted."""
        timestep = self.timestep
        if want_x0:
            self.x0 = predicted_x0(self.sampler, prediction.guided, timestep, self.latents)
        self.latents = self.sampler.step(
            prediction.guided,
            timestep,
            self.latents,
            generator=self.generator,
            uncond_output=prediction.unconditional if self.sampler.wants_uncond else None,
        ).prev_sample
        self.step += 1


def first_latents(
    sampler: Sampler, generator: torch.Generator, shape: tuple[int, ...], device: torch.device
) -> torch.Tensor:
    """Pure noise at the sampler's starting level."""
    noise = torch.randn(shape, generator=generator, dtype=torch.float32)
    return noise.to(device) * sampler.init_noise_sigma


def bucket_for(rows: int, minimum: int = 1) -> int:
    """The smallest bucket that holds ``rows`` and is not below ``minimum``; both are at most 16."""
    return next(bucket for bucket in BUCKETS if bucket >= max(rows, minimum))


def choose(rows: Iterable[Row], limit: int) -> list[Row]:
    """At most ``limit`` rows of one key for the next tick.

    Owners take turns, the one served longest ago first, each with its least advanced row first: a request
    for eight pictures does not push a request for one aside.
    """
    by_owner: dict[Hashable, list[Row]] = {}
    for row in rows:
        by_owner.setdefault(row.owner, []).append(row)
    for own in by_owner.values():
        own.sort(key=lambda row: row.step)
    owners = sorted(by_owner.values(), key=lambda own: max(row.served for row in own))
    in_turn = [row for layer in zip_longest(*owners) for row in layer if row is not None]
    return in_turn[:limit]


def predict(
    checkpoint: "Checkpoint", rows: Sequence[Row], inputs: Sequence[torch.Tensor], bucket: int
) -> list[Prediction]:
    """One denoiser call for ``rows`` of one key, padded to ``bucket``: the prediction of each.

    ``inputs`` are the rows' scaled latents. The unconditional half comes first, as in diffusers' own
    pipelines.
    """
    padding = bucket - len(rows)
    padded = [*rows, *[rows[0]] * padding]
    sample = torch.cat([*inputs, *[inputs[0]] * padding]).to(checkpoint.dtype)
    timesteps = torch.stack([row.timestep.to(torch.float32) for row in padded]).to(sample.device)
    conditions = [row.positive for row in padded]
    if rows[0].key.guided:
        sample, timesteps = torch.cat([sample, sample]), torch.cat([timesteps, timesteps])
        conditions = [*(row.negative for row in padded if row.negative is not None), *conditions]
    added = {name: torch.cat([each.added[name] for each in conditions]) for name in conditions[0].added}
    output = checkpoint.unet(
        sample,
        timesteps,
        encoder_hidden_states=torch.cat([each.text for each in conditions]),
        added_cond_kwargs=added or None,
        return_dict=False,
    )[0].float()
    if not rows[0].key.guided:
        return [Prediction(part, None) for part in output[: len(rows)].split(1)]
    unconditional, conditional = (half.split(1) for half in output.chunk(2))
    return [
        Prediction(without + row.guidance * (given - without), without)
        for row, without, given in zip(rows, unconditional, conditional, strict=False)
    ]
