"""The common face of a diffusers scheduler."""

import inspect
from typing import Any

import torch
from torch import Tensor

from generation.engine.samplers.levels import NoiseLevels
from generation.engine.samplers.protocol import SamplerStep


class SchedulerSampler:
    """The ``Sampler`` face of a diffusers scheduler whose timesteps are set, without its first ``skip``
    steps, which are left out as diffusers' img2img pipelines do.
    """

    wants_uncond = False

    def __init__(
        self, scheduler: Any, levels: NoiseLevels, *, variance_exploding: bool, skip: int = 0
    ) -> None:
        self.levels = levels
        self.variance_exploding = variance_exploding
        # PLMS looks twice in its first step; its class calls itself one of first order all the same.
        self._order = int(scheduler.order)
        first = skip * self._order
        self._times = scheduler.timesteps[first:]
        self.timesteps = self._times.to("cpu", torch.float32)
        self._scheduler = scheduler
        self._calls = 0
        steps = int(scheduler.num_inference_steps) - skip
        self._extra_calls = max(0, len(self.timesteps) - self._order * steps)
        # Without this, schedulers search for their place by timestep and go wrong where rounding made two
        # equal.
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first)
        # Only some take one, and some that draw no noise refuse it.
        self._takes_generator = "generator" in inspect.signature(scheduler.step).parameters

    @property
    def init_noise_sigma(self) -> float:
        return float(self._scheduler.init_noise_sigma)

    @property
    def finished(self) -> bool:
        return self._calls >= len(self.timesteps)

    @property
    def step_index(self) -> int:
        return max(0, self._calls - self._extra_calls) // self._order

    def noised(self, clean: Tensor, noise: Tensor) -> Tensor:
        made: Tensor = self._scheduler.add_noise(clean, noise, self._times[self._calls : self._calls + 1])
        return made

    def scale_model_input(self, sample: Tensor, timestep: Tensor | float) -> Tensor:
        scaled: Tensor = self._scheduler.scale_model_input(sample, self._times[self._calls])
        return scaled

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor | float,
        sample: Tensor,
        *,
        generator: torch.Generator | None = None,
        uncond_output: Tensor | None = None,
    ) -> SamplerStep:
        # The scheduler's own timestep, because some index tables with it and need it whole.
        time = self._times[self._calls]
        self._calls += 1
        options = {"generator": generator} if self._takes_generator else {}
        return SamplerStep(self._scheduler.step(model_output, time, sample, **options).prev_sample)
