"""LMS: linear multistep of up to fourth order on the predicted noise, weighed by the exact integrals.

As k-diffusion's ``sample_lms`` (Crowson et al. 2022) and diffusers' LMSDiscreteScheduler, except that those
find the integrals by numerical quadrature, which takes ten milliseconds of every row's step; of polynomials
they are exact with two Gauss points. One denoiser call a step.
"""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Final

from torch import Tensor

from generation.engine.samplers.stepwise import Course, Steps

ORDER: Final = 4
_GAUSS: Final = (-1 / sqrt(3), 1 / sqrt(3))
"""Points of weight one on (-1, 1), exact up to third degree, which fourth order needs."""


def lms(x: Tensor, course: Course) -> Steps:
    slopes: list[Tensor] = []
    visited: list[float] = []
    for sigma, sigma_next in course.pairs():
        seen = yield x, sigma
        slopes = [seen.slope(sigma), *slopes[: ORDER - 1]]
        visited = [sigma, *visited[: ORDER - 1]]
        x = seen.x
        for weight, slope in zip(_weights(visited, sigma_next), slopes, strict=True):
            x = x + weight * slope
    return x


def _weights(visited: Sequence[float], sigma_next: float) -> list[float]:
    """The integral of each slope's Lagrange polynomial over the coming step; ``visited`` is newest first."""
    half, middle = (sigma_next - visited[0]) / 2, (sigma_next + visited[0]) / 2
    return [
        half * sum(_lagrange(middle + half * point, place, visited) for point in _GAUSS)
        for place in range(len(visited))
    ]


def _lagrange(sigma: float, place: int, visited: Sequence[float]) -> float:
    others = [other for k, other in enumerate(visited) if k != place]
    return prod((sigma - other) / (visited[place] - other) for other in others)
