"""DPM fast: DPM-Solver with steps of third order and exactly as many denoiser calls as steps were asked for.

"DPM-Solver-fast" of Lu et al. 2022 (arXiv:2206.00927, section 3.4) as in k-diffusion's ``sample_dpm_fast``,
with the ancestral noise that AUTOMATIC1111 adds (eta 1). It goes evenly in log sigma from the highest to the
lowest trained level, whatever the schedule, and ends there.
"""

import math

import numpy as np
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


def dpm_fast(x: Tensor, course: Course) -> Steps:
    """``course.sigmas`` has one level more than there are calls; only its ends matter."""
    orders = _orders(len(course.sigmas) - 1)
    t_start, t_end = -math.log(course.sigmas[0]), -math.log(course.sigmas[-1])
    times: list[float] = np.linspace(t_start, t_end, len(orders) + 1).tolist()
    for order, t, t_next in zip(orders, times[:-1], times[1:], strict=True):
        course.begin_step(order)
        target, up = ancestral_target(t, t_next, t_end)
        x = yield from _solve(x, t, target, order)
        x = x + up * course.noise_like(x)
    return x


def _solve(x: Tensor, t: float, target: float, order: int) -> Steps:
    start = yield x, level(t)
    x, noise = start.x, start.slope(level(t))
    if order == 1:
        return first_order(x, t, target, noise)
    ratio = 1 / 2 if order == 2 else 1 / 3
    t_middle = t + ratio * (target - t)
    middle = yield from noise_at(first_order(x, t, t_middle, noise), t_middle)
    if order == 2:
        return second_order(x, (t, target), noise, middle, ratio)
    return (yield from third_order(x, (t, target), noise, middle))


def _orders(calls: int) -> list[int]:
    """As many third-order steps as fit, then the rest, so that the orders sum up to ``calls``."""
    if calls % 3 == 0:
        return [3] * (calls // 3 - 1) + [2, 1]
    return [3] * (calls // 3) + [calls % 3]
