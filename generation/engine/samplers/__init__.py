"""Samplers: how a row goes from noise to picture.

``build_sampler`` makes one for one row from names of ``generation.engine.catalog``; ``Sampler`` is the face
they all show. Where diffusers has the algorithm, its scheduler class is used (``library``), so that pictures
equal those of its pipelines; the others are generator functions, one per file (``stepwise`` and the modules
in ``_OWN``).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from generation.engine.catalog import resolve_sampler
from generation.engine.samplers.ddim_cfgpp import ddim_cfgpp
from generation.engine.samplers.dpm_adaptive import dpm_adaptive
from generation.engine.samplers.dpm_fast import dpm_fast
from generation.engine.samplers.dpmpp_2s_ancestral import dpmpp_2s_ancestral
from generation.engine.samplers.dpmpp_3m_sde import dpmpp_3m_sde
from generation.engine.samplers.heunpp2 import heunpp2
from generation.engine.samplers.ipndm import ipndm, ipndm_v
from generation.engine.samplers.levels import NoiseLevels, complete_config
from generation.engine.samplers.library import library_sampler
from generation.engine.samplers.lms import lms
from generation.engine.samplers.protocol import Sampler, SamplerStep, predicted_x0
from generation.engine.samplers.restart import restart
from generation.engine.samplers.schedules import exponential, schedule_sigmas
from generation.engine.samplers.stepwise import Algorithm, StepwiseSampler

__all__ = ["Sampler", "SamplerStep", "build_sampler", "predicted_x0"]


@dataclass(frozen=True, slots=True)
class _OwnSampler:
    algorithm: Algorithm
    wants_uncond: bool = False


_OWN: Final[dict[str, _OwnSampler]] = {
    "DPM++ 2S a": _OwnSampler(dpmpp_2s_ancestral),
    "DPM++ 3M SDE": _OwnSampler(dpmpp_3m_sde),
    "DPM fast": _OwnSampler(dpm_fast),
    "DPM adaptive": _OwnSampler(dpm_adaptive),
    "LMS": _OwnSampler(lms),
    "Restart": _OwnSampler(restart),
    "HeunPP2": _OwnSampler(heunpp2),
    "IPNDM": _OwnSampler(ipndm),
    "IPNDM_V": _OwnSampler(ipndm_v),
    "DDIM CFG++": _OwnSampler(ddim_cfgpp, wants_uncond=True),
}


def build_sampler(  # noqa: PLR0913 - all that a row's way depends on, by name
    sampler: str,
    schedule: str,
    *,
    steps: int,
    scheduler_config: Mapping[str, Any],
    seed: int,
    width: int = 0,
    height: int = 0,
    skip: int = 0,
) -> Sampler:
    """A fresh sampler for one row.

    ``steps`` is 1 or more, of which the first ``skip`` (fewer than all) are left out. ``scheduler_config`` is
    the checkpoint's ``scheduler_config.json``, of which betas, prediction type, timestep spacing and the like
    are honoured. ``seed`` is the row's, for noise that
    is not drawn from the generator given to ``step``. ``width`` and ``height`` are in pixels; Stable
    Diffusion's schedules do not depend on them. Raises ``EngineError`` for names that ``resolve_sampler``
    does not know and for checkpoints that predict something else than noise, velocity or the picture.
    """
    name, schedule = resolve_sampler(sampler, schedule)
    config = complete_config(scheduler_config)
    levels = NoiseLevels.from_config(config)
    if name not in _OWN:
        return library_sampler(
            name, schedule, steps=steps, config=config, levels=levels, seed=seed, skip=skip
        )
    own = _OWN[name]
    sigmas = _own_sigmas(name, schedule, levels, steps, config)[skip:]
    # Where the first level is not the noisiest one, diffusers counts the signal in. So does DDIM everywhere.
    spaced_short = schedule == "uniform" and levels.timestep_spacing == "leading"
    with_signal = spaced_short or own.algorithm is ddim_cfgpp
    return StepwiseSampler(
        own.algorithm,
        sigmas,
        levels,
        init_noise_sigma=math.hypot(sigmas[0], 1) if with_signal else sigmas[0],
        seed=seed,
        wants_uncond=own.wants_uncond,
    )


def _own_sigmas(
    name: str, schedule: str, levels: NoiseLevels, steps: int, config: Mapping[str, Any]
) -> tuple[float, ...]:
    if name in {"DPM fast", "DPM adaptive"}:
        return tuple(exponential(levels, steps + 1).tolist())
    if name == "DDIM CFG++":
        leading = [sigma for sigma in schedule_sigmas("ddim", levels, steps) if sigma > 0]
        return (*leading, 0.0 if config["set_alpha_to_one"] else levels.sigma_min)
    return schedule_sigmas(schedule, levels, steps)
