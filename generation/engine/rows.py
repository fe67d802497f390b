"""Rows: single pictures on their way through the denoiser, and which of them are computed together.

Everything that makes a picture what it is belongs to its row: sampler, generator, latents, position,
guidance. So rows of different requests share one denoiser call, and a row comes out the same whatever its
company.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import zip_longest
from operator import add
from typing import TYPE_CHECKING, Final

import torch

from generation.engine.denoiser import Prediction
from generation.engine.samplers import Sampler, predicted_x0
from generation.engine.techniques import Technique

if TYPE_CHECKING:
    from PIL.Image import Image

    from generation.engine.conditioning import Condition, Conditioning

BUCKETS: Final = (1, 2, 4, 8, 16)
"""Padded batch sizes. Few, so that kernels chosen by shape (and the low bits they decide) vary little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchKey:
    """What two rows must have in common to share a denoiser call."""

    checkpoint: str
    width: int
    height: int
    guided: bool
    parts: int
    """Texts between ``AND``."""
    chunks: int
    techniques: tuple[Hashable, ...] = ()
    """The keys of the rows' techniques, in order."""
    extra_places: int = 0
    """Evaluations per row that the techniques add."""

    @property
    def places(self) -> int:
        """Room in the denoiser's batch: one place per part, one for the negative prompt, the techniques'."""
        return self.parts + self.guided + self.extra_places


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
    conditioning: "Conditioning"
    techniques: tuple[Technique, ...] = ()
    maps: "tuple[Image, ...]" = ()
    """The control maps that it began with."""
    pause_at: int | None = None
    """The sampler step before which the row rests until somebody takes this away."""
    step: int = 0
    """Denoiser calls done."""
    served: int = -1
    """Number of the last tick that it took part in."""
    buckets: set[int] = field(default_factory=set)
    x0: torch.Tensor | None = None
    """The predicted picture's latents, from the last step that was asked for them."""

    @property
    def joining(self) -> list[Technique]:
        """The techniques that have a part in the denoiser's calls."""
        return [technique for technique in self.techniques if technique.key is not None]

    @property
    def total(self) -> int:
        """Denoiser calls from start to end; a guess while an adaptive sampler runs."""
        return max(self.step, len(self.sampler.timesteps))

    @property
    def finished(self) -> bool:
        return self.sampler.finished

    @property
    def resting(self) -> bool:
        """Whether it takes part in no tick (any more)."""
        return self.finished or (self.pause_at is not None and self.sampler.step_index >= self.pause_at)

    @property
    def timestep(self) -> torch.Tensor:
        return self.sampler.timesteps[self.step]

    def model_input(self) -> torch.Tensor:
        return self.sampler.scale_model_input(self.latents, self.timestep)

    def conditions(self) -> "list[Condition]":
        """What the denoiser is told at the coming call, the negative prompt first, extra places last."""
        now = self.conditioning.at(self.sampler.step_index)
        negative = () if now.negative is None else (now.negative,)
        parts = [text for text, _ in now.positive]
        told = (*negative, *parts, *parts[:1] * self.key.extra_places)
        return [self.conditioning.texts[text] for text in told]

    def within(self, start: float, end: float) -> bool:
        """Whether the coming call lies in this share of all of them, by diffusers' rule for ControlNets."""
        return self.step / self.total >= start and (self.step + 1) / self.total <= end

    def composed(self, outputs: Sequence[torch.Tensor]) -> Prediction:
        """The denoiser's answers to ``conditions()`` as one."""
        plain = len(outputs) - self.key.extra_places
        prediction, extra = self._guided(outputs[:plain]), list(outputs[plain:])
        for technique in self.techniques:
            own = [extra.pop(0) for _ in range(technique.extra_places)]
            prediction = technique.guide(self, prediction, own)
        return prediction

    def _guided(self, outputs: Sequence[torch.Tensor]) -> Prediction:
        """Each part between ``AND`` pulls away from the negative prompt by its weight; unguided, there is
        nothing to pull away from, so the parts are averaged.
        """
        weights = [weight for _, weight in self.conditioning.at(self.sampler.step_index).positive]
        if not self.key.guided:
            together = reduce(add, [weight * out for weight, out in zip(weights, outputs, strict=True)])
            return Prediction(together / sum(weights), None, outputs[0])
        without, *given = outputs
        pull = reduce(add, [weight * (out - without) for weight, out in zip(weights, given, strict=True)])
        return Prediction(without + self.guidance * pull, without, given[0])

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
        for technique in self.techniques:
            technique.stepped(self)


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
