"""DPM++ 3M SDE: multistep third order for the reverse SDE.

After k-diffusion's ``sample_dpmpp_3m_sde`` (eta 1), the third-order extension of SDE-DPM-Solver++(2M) of Lu
et al. 2022 (arXiv:2211.01095). diffusers' DPMSolverMultistepScheduler has a third-order SDE too, but the
sign of one constant in its second difference is wrong (it tends to -1 instead of 0 for small steps), so this
is our own. One denoiser call a step; new noise is drawn at each.
"""

import math

from torch import Tensor

from generation.engine.samplers.stepwise import Course, Steps


def dpmpp_3m_sde(x: Tensor, course: Course) -> Steps:
    history: list[tuple[Tensor, float]] = []
    """The predictions of the last two steps with the steps' lengths in log sigma, newest first."""
    for sigma, sigma_next in course.pairs():
        seen = yield x, sigma
        if sigma_next == 0:
            return seen.denoised
        h = math.log(sigma / sigma_next)
        decay = math.exp(-2 * h)
        x = (sigma_next / sigma) * math.exp(-h) * seen.x + (1 - decay) * seen.denoised
        x = x + _higher_orders(seen.denoised, h, history)
        x = x + sigma_next * math.sqrt(1 - decay) * course.noise_like(x)
        history = [(seen.denoised, h), *history[:1]]
    return x


def _higher_orders(denoised: Tensor, h: float, history: list[tuple[Tensor, float]]) -> Tensor | float:
    if not history:
        return 0.0
    phi_2 = math.expm1(-2 * h) / (2 * h) + 1
    phi_3 = phi_2 / (2 * h) - 0.5
    last, last_h = history[0]
    first = (denoised - last) * (h / last_h)
    if len(history) == 1:
        return phi_2 * first
    before, before_h = history[1]
    earlier = (last - before) * (h / before_h)
    bend = (first - earlier) / (last_h / h + before_h / h)
    return phi_2 * (first + (last_h / h) * bend) - phi_3 * bend
