"""DPM adaptive: DPM-Solver that chooses its own steps, as long as its error estimate allows.

"DPM-Solver-23" of Lu et al. 2022 (arXiv:2206.00927, appendix C) as in k-diffusion's ``sample_dpm_adaptive``,
with the ancestral noise that AUTOMATIC1111 adds (eta 1). The requested number of steps and the schedule are
ignored; it goes from the highest to the lowest trained level. Three denoiser calls a step, rejected steps
included.
"""

import math
from typing import Final

from torch import Tensor

from generation.engine.samplers.dpm_solver import (
    ancestral_target,
    first_order,
    level,
    noise_at,
    second_order,
    third_order,
)
from generation.engine.samplers.stepwise import Course, Steps

RELATIVE_TOLERANCE: Final = 0.05
ABSOLUTE_TOLERANCE: Final = 0.0078
FIRST_STEP: Final = 0.05
"""Length in log sigma."""
ACCEPTED_FACTOR: Final = 0.81
"""A step is taken if its error allows the next to be at least this much of it."""
ERROR_ORDER: Final = 1.5
"""In which power of the step the error shrinks; with new noise at each step this is half of the solver's."""
MAX_TRIES: Final = 200
"""After that many, every step is taken and has at least ``MIN_STEP``: a picture, not an endless run, on bad
input.
"""
MIN_STEP: Final = 0.1


def dpm_adaptive(x: Tensor, course: Course) -> Steps:
    """Only the first and the last of ``course.sigmas`` matter."""
    t, t_end = -math.log(course.sigmas[0]), -math.log(course.sigmas[-1])
    h, tries, last_low = FIRST_STEP, 0, x
    while t < t_end - 1e-5:
        course.begin_step(1)
        t_next = min(t_end, t + h)
        target, up = ancestral_target(t, t_next, t_end)
        span = (t, target)
        start = yield x, level(t)
        x, noise = start.x, start.slope(level(t))
        t_third = t + (target - t) / 3
        third = yield from noise_at(first_order(x, t, t_third, noise), t_third)
        low = second_order(x, span, noise, third, 1 / 3)
        high = yield from third_order(x, span, noise, third)
        factor = _step_factor(low, high, last_low)
        tries += 1
        if factor >= ACCEPTED_FACTOR or tries >= MAX_TRIES:
            x = high + up * course.noise_like(high)
            t, last_low = t_next, low
        h = max(h * factor, MIN_STEP if tries >= MAX_TRIES else 0.0)
    return x


def _step_factor(low: Tensor, high: Tensor, last_low: Tensor) -> float:
    """By how much the next step may be longer: over 1 when the two orders agree within the tolerances."""
    tolerance = (RELATIVE_TOLERANCE * low.abs().maximum(last_low.abs())).clamp(min=ABSOLUTE_TOLERANCE)
    error = float(((low - high) / tolerance).square().mean().sqrt())
    if not math.isfinite(error):
        return 2.0  # Broken latents stay broken: go on to the end, soon, where the engine finds them.
    return 1 + math.atan((error + 1e-8) ** (-1 / ERROR_ORDER) - 1)
