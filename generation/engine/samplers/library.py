"""Samplers that are diffusers' own scheduler classes, under the common face."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSDEScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2AncestralDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)
from numpy.typing import ArrayLike

from generation.engine.samplers.dpmpp_sde import DpmppSdeSampler
from generation.engine.samplers.levels import NoiseLevels
from generation.engine.samplers.scheduler_sampler import SchedulerSampler
from generation.engine.samplers.schedules import schedule_sigmas

_NATIVE_FLAGS: Final = {
    "karras": "use_karras_sigmas",
    "exponential": "use_exponential_sigmas",
    "beta": "use_beta_sigmas",
}
"""Schedules that diffusers' classes have too: theirs are used, and their rounding of timesteps with them."""
_ONE_STEP: Final = dict.fromkeys(("uniform", *_NATIVE_FLAGS), "sgm_uniform")
"""What takes their place for a single step, which diffusers would take from the lowest level, not the top."""
_TRAINING: Final = (
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type",
    "rescale_betas_zero_snr", "timestep_spacing", "steps_offset", "set_alpha_to_one", "clip_sample",
)  # fmt: skip
"""What is taken from the checkpoint's config, as far as a class knows it."""


@dataclass(frozen=True, slots=True)
class LibrarySampler:
    """How a sampler is made from a diffusers class."""

    scheduler_class: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    variance_exploding: bool = False


class _QuickTimes:
    """The same interpolation as the classes' own, which they do once per training timestep when they are
    made. That would hold up every row of a batch for most of a second.
    """

    def _sigma_to_t(self, sigma: ArrayLike, log_sigmas: ArrayLike) -> Any:
        levels = np.asarray(log_sigmas)
        return np.interp(np.log(np.maximum(np.asarray(sigma), 1e-10)), levels, np.arange(len(levels)))


class _QuickHeunDiscreteScheduler(_QuickTimes, HeunDiscreteScheduler):
    pass


class _QuickDPMSolverSDEScheduler(_QuickTimes, DPMSolverSDEScheduler):
    pass


class _QuickKDPM2DiscreteScheduler(_QuickTimes, KDPM2DiscreteScheduler):
    pass


class _QuickKDPM2AncestralDiscreteScheduler(_QuickTimes, KDPM2AncestralDiscreteScheduler):
    pass


_DPMPP: Final = {"algorithm_type": "dpmsolver++"}
_DPMPP_SDE: Final = {"algorithm_type": "sde-dpmsolver++"}

LIBRARY: Final[dict[str, LibrarySampler]] = {
    "DPM++ 2M": LibrarySampler(DPMSolverMultistepScheduler, _DPMPP),
    "DPM++ SDE": LibrarySampler(_QuickDPMSolverSDEScheduler, variance_exploding=True),
    "DPM++ 2M SDE": LibrarySampler(DPMSolverMultistepScheduler, _DPMPP_SDE),
    "DPM++ 2M SDE Heun": LibrarySampler(DPMSolverMultistepScheduler, {**_DPMPP_SDE, "solver_type": "heun"}),
    "Euler a": LibrarySampler(EulerAncestralDiscreteScheduler, variance_exploding=True),
    "Euler": LibrarySampler(EulerDiscreteScheduler, variance_exploding=True),
    "Heun": LibrarySampler(_QuickHeunDiscreteScheduler, variance_exploding=True),
    "DPM2": LibrarySampler(_QuickKDPM2DiscreteScheduler, variance_exploding=True),
    "DPM2 a": LibrarySampler(_QuickKDPM2AncestralDiscreteScheduler, variance_exploding=True),
    "DEIS": LibrarySampler(DEISMultistepScheduler),
    "DDIM": LibrarySampler(DDIMScheduler),
    "PLMS": LibrarySampler(PNDMScheduler, {"skip_prk_steps": True}),
    "UniPC": LibrarySampler(UniPCMultistepScheduler),
    "LCM": LibrarySampler(LCMScheduler),
    "DDPM": LibrarySampler(DDPMScheduler),
}


def library_sampler(  # noqa: PLR0913 - as build_sampler
    name: str,
    schedule: str,
    *,
    steps: int,
    config: Mapping[str, Any],
    levels: NoiseLevels,
    seed: int,
    skip: int = 0,
) -> SchedulerSampler:
    """Build one for a row, without its first ``skip`` steps. ``config`` is a completed scheduler config, the
    names are canonical.
    """
    entry = LIBRARY[name]
    options = {**_training_options(entry.scheduler_class, config, levels), **entry.options}
    if name == "LCM":
        # The distilled timesteps to choose from: at least as many as are asked for.
        options["original_inference_steps"] = max(50, steps)
    if steps == 1 and entry.variance_exploding:
        schedule = _ONE_STEP.get(schedule, schedule)
    if schedule in {"uniform", "automatic"}:
        scheduler = entry.scheduler_class(**options)
        scheduler.set_timesteps(steps)
    else:
        # Schedules span the whole training range, as in AUTOMATIC1111, however the config spaces timesteps.
        options["timestep_spacing"] = "linspace"
        scheduler = _scheduled(entry.scheduler_class, options, levels, schedule=schedule, steps=steps)
    if name == "DPM++ SDE":
        return DpmppSdeSampler(scheduler, levels, seed=seed, skip=skip)
    return SchedulerSampler(scheduler, levels, variance_exploding=entry.variance_exploding, skip=skip)


def _training_options(
    scheduler_class: Callable[..., Any], config: Mapping[str, Any], levels: NoiseLevels
) -> dict[str, Any]:
    known = inspect.signature(scheduler_class).parameters
    options = {key: config[key] for key in _TRAINING if key in known and key in config}
    if config.get("rescale_betas_zero_snr") and "rescale_betas_zero_snr" not in known:
        options["trained_betas"] = levels.betas()
    return options


def _scheduled(
    scheduler_class: Callable[..., Any],
    options: Mapping[str, Any],
    levels: NoiseLevels,
    *,
    schedule: str,
    steps: int,
) -> Any:
    """A scheduler that visits the levels of a named schedule."""
    sigmas = schedule_sigmas(schedule, levels, steps)
    if "use_karras_sigmas" not in inspect.signature(scheduler_class).parameters:
        return _overwritten(scheduler_class(**options), levels, sigmas)
    flag = _NATIVE_FLAGS.get(schedule, "use_karras_sigmas")
    scheduler = scheduler_class(**{**options, flag: True})
    if schedule not in _NATIVE_FLAGS:
        # Each class turns a list of levels into its own bookkeeping (interleaved, interpolated, rounded)
        # after this hook, so other schedules take Karras' place there.
        def levels_of_schedule(in_sigmas: Any, num_inference_steps: int = 0) -> Any:
            return np.array(sigmas[:-1])

        scheduler._convert_to_karras = levels_of_schedule
    scheduler.set_timesteps(steps)
    if scheduler_class is DEISMultistepScheduler:
        # It repeats the last level instead of going on, which would leave the noise of coarse schedules in.
        scheduler.sigmas[-1] = min(float(scheduler.sigmas[-1]), levels.sigma_min)
    return scheduler


def _overwritten(scheduler: Any, levels: NoiseLevels, sigmas: Sequence[float]) -> Any:
    """For the one class without the hook, Euler a, whose only bookkeeping are these two."""
    scheduler.set_timesteps(len(sigmas) - 1)
    scheduler.sigmas = torch.tensor(sigmas, dtype=torch.float32)
    scheduler.timesteps = torch.from_numpy(levels.times_at(sigmas[:-1])).float()
    return scheduler
