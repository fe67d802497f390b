"""The one face that every sampler shows to the engine."""

from typing import NamedTuple, Protocol

from torch import Generator, Tensor

from generation.engine.samplers.levels import NoiseLevels


class SamplerStep(NamedTuple):
    """What a step returns, named as diffusers names it."""

    prev_sample: Tensor
    """The row's next latents, [1, 4, h, w]."""


class Sampler(Protocol):
    """One row's way from noise to picture: a state machine that belongs to this row alone.

    The engine's loop for one row, where ``x`` is [1, 4, h, w] in fp32 on any device::

        x = noise * sampler.init_noise_sigma
        call = 0
        while not sampler.finished:
            t = sampler.timesteps[call]
            output = denoiser(sampler.scale_model_input(x, t), t)         # after guidance
            x = sampler.step(output, t, x, generator=generator).prev_sample
            call += 1

    Between two steps the engine may change ``x`` (inpainting does): every step works from the ``x`` it is
    given.
    """

    levels: NoiseLevels
    variance_exploding: bool
    """True: ``x`` = clean + sigma * noise. False: the same divided by ``sqrt(sigma**2 + 1)``, of variance
    one.
    """
    wants_uncond: bool
    """Wants ``uncond_output`` at each step, where the row is guided. Works without it too."""

    @property
    def timesteps(self) -> Tensor:
        """The training timestep of each denoiser call, [calls], fp32 on the CPU, 0 to 999, may be fractional.

        Samplers that evaluate twice a step have more entries than steps. Only "DPM adaptive" does not know
        their number in advance: there the entry of the coming call is always right, later ones are a guess
        and the tensor may grow or shrink while it runs, so read it anew before each call.
        """
        ...

    @property
    def step_index(self) -> int:
        """Which of the steps that were asked for the coming call is part of, from 0.

        Calls that a step averages over have the same one: what they are conditioned on must not change
        between them. "DPM fast" counts a step of several calls as that many, "DPM adaptive" its tries, which
        may be more than the steps that were asked for.
        """
        ...

    @property
    def init_noise_sigma(self) -> float:
        """What to multiply standard normal noise by to get the first ``x``."""
        ...

    @property
    def finished(self) -> bool:
        """True when the last step's ``prev_sample`` is the result."""
        ...

    def noised(self, clean: Tensor, noise: Tensor) -> Tensor:
        """Clean latents with ``noise`` at the level of the coming call: where ``x`` would be for them.

        Both are [1, 4, h, w] in fp32. Before the first call this is how a picture is started from.
        """
        ...

    def scale_model_input(self, sample: Tensor, timestep: Tensor | float) -> Tensor:
        """The denoiser's input for ``x``, of about unit variance. Call it once before each step."""
        ...

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor | float,
        sample: Tensor,
        *,
        generator: Generator | None = None,
        uncond_output: Tensor | None = None,
    ) -> SamplerStep:
        """Take the denoiser's guided output at ``sample``; both are [1, 4, h, w] in fp32 on the same device.

        ``generator`` is the row's own CPU generator: noise is drawn on the CPU and moved, so that a picture
        does not depend on the device. ``uncond_output`` is the unguided half's output, for samplers that
        want it.
        """
        ...


def predicted_x0(sampler: Sampler, model_output: Tensor, t: Tensor | float, x: Tensor) -> Tensor:
    """The clean latents [1, 4, h, w] that the denoiser sees behind ``x`` (before scaling) at ``t``, for
    previews.

    Reads no state and changes none, so it may be called before or after the step it belongs to.
    """
    sigma = sampler.levels.sigma_at(float(t))
    if not sampler.variance_exploding:
        x = x * (sigma**2 + 1) ** 0.5
    return sampler.levels.denoised(model_output, x, sigma)
