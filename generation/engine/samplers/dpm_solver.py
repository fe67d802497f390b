"""The single steps of DPM-Solver (Lu et al. 2022, arXiv:2206.00927, algorithms 1 and 2 and section 3.2).

In terms of ``t = -log(sigma)`` and the predicted noise, for ``x`` = clean + sigma * noise, as in
k-diffusion. The functions are parts of algorithms, used with ``yield from``; "noise" is the prediction at
the step's start.
"""

import math
from collections.abc import Generator

from torch import Tensor

from generation.engine.samplers.stepwise import Prediction, ancestral_split

Asking = Generator[tuple[Tensor, float], Prediction, Tensor]


def level(t: float) -> float:
    """The noise level at ``t``."""
    return math.exp(-t)


def noise_at(x: Tensor, t: float) -> Asking:
    """Ask for the predicted noise at a point on the way."""
    prediction = yield x, level(t)
    return prediction.slope(level(t))


def first_order(x: Tensor, t: float, t_next: float, noise: Tensor) -> Tensor:
    """DPM-Solver-1, which is DDIM."""
    return x - level(t_next) * math.expm1(t_next - t) * noise


def second_order(x: Tensor, span: tuple[float, float], noise: Tensor, middle: Tensor, ratio: float) -> Tensor:
    """DPM-Solver-2, given the noise predicted at ``ratio`` of the span."""
    t, t_next = span
    growth = level(t_next) * math.expm1(t_next - t)
    return x - growth * noise - growth / (2 * ratio) * (middle - noise)


def third_order(x: Tensor, span: tuple[float, float], noise: Tensor, first_third: Tensor) -> Asking:
    """DPM-Solver-3, given the noise predicted at a third of the span; asks for the one at two thirds."""
    t, t_next = span
    h = t_next - t
    t_far, far_h = t + h * 2 / 3, h * 2 / 3
    far_x = first_order(x, t, t_far, noise)
    far_x = far_x - level(t_far) * 2 * (math.expm1(far_h) / far_h - 1) * (first_third - noise)
    far = yield from noise_at(far_x, t_far)
    bend = level(t_next) * 1.5 * (math.expm1(h) / h - 1)
    return first_order(x, t, t_next, noise) - bend * (far - noise)


def ancestral_target(t: float, t_next: float, t_end: float) -> tuple[float, float]:
    """Where to solve to, and how much noise to add then, in order to land on ``t_next`` with new
    randomness.
    """
    down, _ = ancestral_split(level(t), level(t_next))
    target = min(t_end, -math.log(down)) if down > 0 else t_end
    return target, math.sqrt(max(level(t_next) ** 2 - level(target) ** 2, 0.0))
