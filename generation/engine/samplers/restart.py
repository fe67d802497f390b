"""Restart: Heun's method that goes back to a noisy level and comes down again.

"Restart Sampling for Improving Generative Processes" (Xu et al. 2023, arXiv:2306.14878) with AUTOMATIC1111's
choice of restarts, which keeps the number of Heun steps: from 20 steps on, nine of them (from 36 on, half of
them in two rounds) are spent on going again from level 2 down to 0.1. Two denoiser calls a Heun step, one
for the last.
"""

from itertools import pairwise
from typing import Final

import numpy as np
from torch import Tensor

from generation.engine.samplers.stepwise import Course, Steps

RESTART_LOW: Final = 0.1
RESTART_HIGH: Final = 2.0


def restart(x: Tensor, course: Course) -> Steps:
    last_sigma = course.sigmas[0]
    for sigma, sigma_next in course.stepwise(_heun_steps(course.sigmas)):
        if sigma > last_sigma:
            x = x + (sigma**2 - last_sigma**2) ** 0.5 * course.noise_like(x)
        start = yield x, sigma
        slope = start.slope(sigma)
        if sigma_next > 0:
            end = yield start.x + (sigma_next - sigma) * slope, sigma_next
            slope = (slope + end.slope(sigma_next)) / 2
        x = start.x + (sigma_next - sigma) * slope
        last_sigma = sigma_next
    return x


def _heun_steps(sigmas: tuple[float, ...]) -> list[tuple[float, float]]:
    """All steps in order; where one begins noisier than the last ended, noise is added."""
    steps = len(sigmas) - 1
    if steps < 20:
        return list(pairwise(sigmas))
    length, rounds = (steps // 4, 2) if steps >= 36 else (9, 1)
    descent = [*_karras(sigmas[0], sigmas[-2], steps - length * rounds), 0.0]
    low, high = _nearest(descent, RESTART_LOW), _nearest(descent, RESTART_HIGH)
    plan = list(pairwise(descent))
    if high < low:
        again = list(pairwise(_karras(descent[high], descent[low], length + 1)))
        plan[low:low] = again * rounds
    return plan


def _karras(high: float, low: float, count: int) -> list[float]:
    levels: list[float] = (np.linspace(high ** (1 / 7), low ** (1 / 7), count) ** 7).tolist()
    return levels


def _nearest(levels: list[float], wanted: float) -> int:
    return int(np.abs(np.array(levels) - wanted).argmin())
