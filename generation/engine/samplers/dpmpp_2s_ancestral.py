"""DPM++ 2S a: single-step second order with ancestral noise.

DPM-Solver++(2S) of Lu et al. 2022 (arXiv:2211.01095, algorithm 1 with r = 1/2), made ancestral as in
k-diffusion's ``sample_dpmpp_2s_ancestral``. Two denoiser calls a step, one for the last.
"""

import math

from torch import Tensor

from generation.engine.samplers.stepwise import Course, Steps, ancestral_split


def dpmpp_2s_ancestral(x: Tensor, course: Course) -> Steps:
    for sigma, sigma_next in course.pairs():
        start = yield x, sigma
        down, up = ancestral_split(sigma, sigma_next)
        if down == 0:
            x = start.denoised
        else:
            # Half of the way in log sigma: the midpoint is their geometric mean.
            middle_sigma = math.sqrt(sigma * down)
            middle_x = start.denoised + (middle_sigma / sigma) * (start.x - start.denoised)
            middle = yield middle_x, middle_sigma
            x = middle.denoised + (down / sigma) * (start.x - middle.denoised)
        if sigma_next > 0:
            x = x + up * course.noise_like(x)
    return x
