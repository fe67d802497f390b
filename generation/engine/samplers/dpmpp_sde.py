"""DPM++ SDE: diffusers' DPMSolverSDEScheduler with its noise drawn on the CPU.

The scheduler draws from a Brownian tree, so that a picture keeps its composition when the number of steps
changes. diffusers grows the tree on the latents' device, where the same seed gives other noise than on the
CPU; here it always grows on the CPU. There it is the same as diffusers', bit for bit.
"""

from collections.abc import Callable
from typing import Any

import torch
from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler
from torch import Tensor

from generation.engine.samplers.levels import NoiseLevels
from generation.engine.samplers.protocol import SamplerStep
from generation.engine.samplers.scheduler_sampler import SchedulerSampler


class DpmppSdeSampler(SchedulerSampler):
    """For one row, whose tree grows from the row's seed."""

    def __init__(self, scheduler: Any, levels: NoiseLevels, *, seed: int, skip: int = 0) -> None:
        super().__init__(scheduler, levels, variance_exploding=True, skip=skip)
        self._seed = seed

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor | float,
        sample: Tensor,
        *,
        generator: torch.Generator | None = None,
        uncond_output: Tensor | None = None,
    ) -> SamplerStep:
        if self._scheduler.noise_sampler is None:
            self._scheduler.noise_sampler = _cpu_noise(sample, self._scheduler.sigmas, self._seed)
        return super().step(model_output, timestep, sample, generator=generator, uncond_output=uncond_output)


def _cpu_noise(sample: Tensor, sigmas: Tensor, seed: int) -> Callable[[Tensor, Tensor], Tensor]:
    low, high = float(sigmas[sigmas > 0].min()), float(sigmas.max())
    tree: Any = BrownianTreeNoiseSampler(torch.zeros(sample.shape, dtype=sample.dtype), low, high, seed)

    def noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        drawn: Tensor = tree(inside(sigma), inside(sigma_next))
        return drawn.to(sample.device)

    def inside(sigma: Tensor) -> Tensor:
        # The tree rounds its ends to its tolerance, and warns of every level that lies beyond them by as
        # little.
        within = min(max(float(sigma), round(low, 6)), round(high, 6))
        return torch.tensor(within, dtype=torch.float64)

    return noise
