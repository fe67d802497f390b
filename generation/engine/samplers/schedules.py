"""The schedules: which noise levels a sampler visits, from a checkpoint's noisiest one down to zero.

Every function takes the checkpoint's levels and a number of steps, 1 or more, and returns that many levels,
strictly decreasing and above 0; ``schedule_sigmas`` adds the final 0. They do what AUTOMATIC1111's and
Forge's schedules of the same names do, with two exceptions that those get wrong: "DDIM" always has as many
levels as steps, and "KL Optimal" reaches 0 instead of stopping at the lowest trained level.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

from generation.engine.samplers.levels import NoiseLevels

Sigmas = NDArray[np.float64]
Schedule = Callable[[NoiseLevels, int], Sigmas]


def schedule_sigmas(name: str, levels: NoiseLevels, steps: int) -> tuple[float, ...]:
    """``steps + 1`` levels, strictly decreasing to a final 0, of the schedule with this canonical name."""
    return (*SCHEDULE_FUNCTIONS[name](levels, steps).tolist(), 0.0)


def uniform(levels: NoiseLevels, steps: int) -> Sigmas:
    """Evenly spaced timesteps, spaced as the checkpoint's config says."""
    last, count = levels.last_time, len(levels.sigmas)
    if levels.timestep_spacing == "leading":
        times = np.minimum(np.arange(steps)[::-1] * (count // steps) + levels.steps_offset, last)
    elif levels.timestep_spacing == "trailing":
        times = np.round(count - np.arange(steps) * (count / steps)) - 1
    else:
        times = np.linspace(last, 0, steps)
    return _at_times(levels, times)


def normal(levels: NoiseLevels, steps: int) -> Sigmas:
    """Evenly spaced timesteps over the whole training range, whatever the config says."""
    return _at_times(levels, np.linspace(levels.last_time, 0, steps))


def sgm_uniform(levels: NoiseLevels, steps: int) -> Sigmas:
    """Like ``normal``, but the last timestep is left to the final 0, as Stability's generative models do."""
    return _at_times(levels, np.linspace(levels.last_time, 0, steps + 1)[:-1])


def turbo(levels: NoiseLevels, steps: int) -> Sigmas:
    """Trailing whole timesteps, for distilled models."""
    count = len(levels.sigmas)
    times = np.round(np.arange(1, steps + 1)[::-1] * (count / steps) - 1)
    return _at_times(levels, times.clip(0, count - 1))


def simple(levels: NoiseLevels, steps: int) -> Sigmas:
    """Every n-th trained level, from the noisiest on."""
    stride = len(levels.sigmas) / steps
    return levels.sigmas[[-1 - int(step * stride) for step in range(steps)]]


def ddim(levels: NoiseLevels, steps: int) -> Sigmas:
    """Every n-th trained level, up from the second lowest: DDIM's own timesteps."""
    stride = max(len(levels.sigmas) // steps, 1)
    return levels.sigmas[np.minimum(1 + stride * np.arange(steps), levels.last_time)][::-1]


def karras(levels: NoiseLevels, steps: int) -> Sigmas:
    """Equation 5 of Karras et al. 2022 (arXiv:2206.00364) with rho 7."""
    rho = 7.0
    return np.linspace(levels.sigma_max ** (1 / rho), levels.sigma_min ** (1 / rho), steps) ** rho


def exponential(levels: NoiseLevels, steps: int) -> Sigmas:
    """Evenly spaced logarithms."""
    return np.exp(np.linspace(math.log(levels.sigma_max), math.log(levels.sigma_min), steps))


def polyexponential(levels: NoiseLevels, steps: int) -> Sigmas:
    """Logarithms spaced by a power, here 1 (k-diffusion's default), which makes it ``exponential``."""
    rho = 1.0
    ramp = np.linspace(1, 0, steps) ** rho
    low, high = math.log(levels.sigma_min), math.log(levels.sigma_max)
    return np.exp(ramp * (high - low) + low)


def kl_optimal(levels: NoiseLevels, steps: int) -> Sigmas:
    """Evenly spaced arcs of tangent: theorem 3.1 of "Align Your Steps" (arXiv:2404.14507)."""
    return np.tan(np.linspace(math.atan(levels.sigma_max), math.atan(levels.sigma_min), steps))


def beta(levels: NoiseLevels, steps: int) -> Sigmas:
    """Quantiles of Beta(0.6, 0.6): "Beta Sampling is All You Need" (arXiv:2407.12173)."""
    quantiles: Sigmas = stats.beta.ppf(1 - np.linspace(0, 1, steps), 0.6, 0.6)
    return levels.sigma_min + quantiles * (levels.sigma_max - levels.sigma_min)


def _tabulated(*table: float) -> Schedule:
    """A published table of levels, stretched over any number of steps by log-linear interpolation."""

    def interpolate(levels: NoiseLevels, steps: int) -> Sigmas:
        places = np.linspace(0, 1, steps)
        return np.exp(np.interp(places, np.linspace(0, 1, len(table)), np.log(table)))

    return interpolate


def _at_times(levels: NoiseLevels, times: NDArray[np.float64]) -> Sigmas:
    return np.array([levels.sigma_at(time) for time in times])


# "Align Your Steps" for SD 1.5: research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html
_AYS_11: Final = _tabulated(
    14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029
)  # fmt: skip
# The same idea by geometric analysis of trajectories (arXiv:2405.11326), as Forge has it for SD 1.5.
_AYS_GITS: Final = _tabulated(
    14.615, 4.617, 2.507, 1.236, 0.702, 0.402, 0.240, 0.156, 0.104, 0.094, 0.029
)  # fmt: skip
# 32 levels of "Align Your Steps" for SD 1.5, as Forge has them.
_AYS_32: Final = _tabulated(
    14.615, 11.23951352, 8.64363081, 6.64729424, 5.57250862, 4.71648546, 3.99196065, 3.5195609, 3.13490466,
    2.79228788, 2.48773628, 2.21663865, 1.97508351, 1.7793172, 1.61475335, 1.46540953, 1.314849, 1.16642497,
    1.03475547, 0.91573744, 0.80748169, 0.71202361, 0.621739, 0.53065202, 0.4529096, 0.37491455, 0.27461819,
    0.2011529, 0.14105873, 0.06682881, 0.03166121, 0.015,
)  # fmt: skip

SCHEDULE_FUNCTIONS: Final[dict[str, Schedule]] = {
    "uniform": uniform,
    "karras": karras,
    "exponential": exponential,
    "polyexponential": polyexponential,
    "sgm_uniform": sgm_uniform,
    "kl_optimal": kl_optimal,
    "align_your_steps": _AYS_11,
    "simple": simple,
    "normal": normal,
    "ddim": ddim,
    "beta": beta,
    "turbo": turbo,
    "align_your_steps_GITS": _AYS_GITS,
    "align_your_steps_11": _AYS_11,
    "align_your_steps_32": _AYS_32,
}
