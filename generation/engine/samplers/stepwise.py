"""Our own samplers: each is a generator function, and ``StepwiseSampler`` gives it the common face.

An algorithm reads as in its paper: it yields the point where it wants the denoiser's opinion, gets it back,
and returns the final latents. It never sees the engine, and the engine may run hundreds of them side by
side.
"""

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from generation.engine.samplers.levels import NoiseLevels
from generation.engine.samplers.protocol import SamplerStep


@dataclass(frozen=True, slots=True)
class Prediction:
    """The denoiser's answer."""

    x: Tensor
    """Where it was asked: what the algorithm yielded, unless the engine changed it in between."""
    denoised: Tensor
    """The clean latents it predicts, guided."""
    unguided: Tensor
    """The same without guidance; equal to ``denoised`` where it was not computed."""

    def slope(self, sigma: float) -> Tensor:
        """The derivative dx/dsigma of the probability flow; also the predicted noise."""
        return (self.x - self.denoised) / sigma


Steps = Generator[tuple[Tensor, float], Prediction, Tensor]
"""Yields (x, sigma), receives the prediction there, returns the result."""


@dataclass(frozen=True, slots=True)
class Course:
    """What an algorithm goes by."""

    sigmas: tuple[float, ...]
    """The levels to visit, strictly decreasing."""
    noise_like: Callable[[Tensor], Tensor]
    """Standard normal noise of the same shape, from the row's own generator."""
    begin_step: Callable[[int], None]
    """To be called at the start of a step, with how many of the steps that were asked for it stands for."""

    def pairs(self) -> Iterator[tuple[float, float]]:
        """Each level with the next, and a step for each."""
        return self.stepwise(pairwise(self.sigmas))

    def stepwise(self, pairs: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
        """``pairs``, and a step for each."""
        for pair in pairs:
            self.begin_step(1)
            yield pair


Algorithm = Callable[[Tensor, Course], Steps]


def ancestral_split(sigma: float, sigma_next: float) -> tuple[float, float]:
    """How far to denoise, and how much new noise to add then, to land on ``sigma_next`` with full randomness.

    From k-diffusion (Crowson et al. 2022), eta 1.
    """
    up = min(sigma_next, math.sqrt(sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2))
    return math.sqrt(max(sigma_next**2 - up**2, 0.0)), up


class StepwiseSampler:
    """The ``Sampler`` face of an algorithm over noise levels."""

    variance_exploding = True

    def __init__(
        self,
        algorithm: Algorithm,
        sigmas: tuple[float, ...],
        levels: NoiseLevels,
        *,
        init_noise_sigma: float,
        seed: int,
        wants_uncond: bool = False,
    ) -> None:
        self.levels = levels
        self.init_noise_sigma = init_noise_sigma
        self.wants_uncond = wants_uncond
        self._algorithm = algorithm
        self._course = Course(sigmas, self._noise_like, self._begin_step)
        self._generator = torch.Generator().manual_seed(seed)
        # Which levels an algorithm asks for does not depend on what it sees, except for adaptive ones, so a
        # run on a single zero foretells them.
        self._asked: list[float] = _rehearse(algorithm, sigmas)
        self._calls = 0
        self.step_index = self._next_step = 0
        self._steps: Steps | None = None
        self._finished = False
        self.timesteps = self._times()

    @property
    def finished(self) -> bool:
        return self._finished

    def noised(self, clean: Tensor, noise: Tensor) -> Tensor:
        return clean + self._asked[self._calls] * noise

    def scale_model_input(self, sample: Tensor, timestep: Tensor | float) -> Tensor:
        return sample / math.sqrt(self._asked[self._calls] ** 2 + 1)

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor | float,
        sample: Tensor,
        *,
        generator: torch.Generator | None = None,
        uncond_output: Tensor | None = None,
    ) -> SamplerStep:
        self._generator = generator or self._generator
        if self._steps is None:
            self._steps = self._algorithm(sample, self._course)
            next(self._steps)
        sigma = self._asked[self._calls]
        denoised = self.levels.denoised(model_output, sample, sigma)
        unguided = denoised if uncond_output is None else self.levels.denoised(uncond_output, sample, sigma)
        self._calls += 1
        try:
            x, sigma = self._steps.send(Prediction(sample, denoised, unguided))
        except StopIteration as end:
            self._finished = True
            self._foretell(self._asked[: self._calls])
            return SamplerStep(end.value)
        self._foretell([*self._asked[: self._calls], sigma, *self._asked[self._calls + 1 :]])
        return SamplerStep(x)

    def _begin_step(self, length: int) -> None:
        self.step_index, self._next_step = self._next_step, self._next_step + length

    def _foretell(self, asked: list[float]) -> None:
        if asked != self._asked:
            self._asked = asked
            self.timesteps = self._times()

    def _times(self) -> Tensor:
        return torch.tensor([self.levels.time_at(sigma) for sigma in self._asked], dtype=torch.float32)

    def _noise_like(self, x: Tensor) -> Tensor:
        return torch.randn(x.shape, generator=self._generator, dtype=x.dtype).to(x.device)


def _rehearse(algorithm: Algorithm, sigmas: tuple[float, ...]) -> list[float]:
    x = torch.zeros(1)
    steps = algorithm(x, Course(sigmas, torch.zeros_like, lambda _: None))
    asked = [next(steps)[1]]
    while True:
        try:
            asked.append(steps.send(Prediction(x, x, x))[1])
        except StopIteration:
            return asked
