"""DDIM CFG++: DDIM that puts back the noise which the unguided half predicted.

"CFG++: Manifold-constrained Classifier Free Guidance" (Chung et al. 2024, arXiv:2406.08070, algorithm 2). As
in Forge, the guidance scale is divided by 12.5, so that the usual range up to 12.5 means the paper's 0 to 1.
Without guidance it is DDIM. One denoiser call a step, at DDIM's own timesteps.
"""

import math
from typing import Final

from torch import Tensor

from generation.engine.samplers.stepwise import Course, Steps

SCALE_DIVISOR: Final = 12.5


def ddim_cfgpp(x: Tensor, course: Course) -> Steps:
    for sigma, sigma_next in course.pairs():
        seen = yield x, sigma
        denoised = seen.unguided + (seen.denoised - seen.unguided) / SCALE_DIVISOR
        x = denoised + sigma_next * (seen.x - seen.unguided) / sigma
    # DDIM ends at the lowest trained level, in latents of variance one.
    return x / math.sqrt(course.sigmas[-1] ** 2 + 1)
