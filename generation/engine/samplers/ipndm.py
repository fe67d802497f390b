"""IPNDM and IPNDM_V: Adams-Bashforth steps of up to fourth order on the predicted noise.

Improved pseudo numerical methods of Zhang and Chen 2022 (arXiv:2204.13902) as ``ipndm_sampler`` and
``ipndm_v_sampler`` of github.com/zju-pi/diff-sampler have them. IPNDM weighs past slopes as if all steps had
the same length, IPNDM_V by the real lengths. One denoiser call a step.
"""

from collections.abc import Callable, Sequence
from typing import Final

from torch import Tensor

from generation.engine.samplers.stepwise import Course, Steps

_EQUAL_STEPS: Final = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


def ipndm(x: Tensor, course: Course) -> Steps:
    return (yield from adams_bashforth(x, course, lambda lengths: _EQUAL_STEPS[len(lengths) - 1]))


def ipndm_v(x: Tensor, course: Course) -> Steps:
    return (yield from adams_bashforth(x, course, _weights_of_lengths))


def adams_bashforth(x: Tensor, course: Course, weigh: Callable[[Sequence[float]], Sequence[float]]) -> Steps:
    """``weigh`` maps the lengths of the coming and the last steps, newest first, to the weights of the
    slopes.
    """
    slopes: list[Tensor] = []
    lengths: list[float] = []
    for sigma, sigma_next in course.pairs():
        seen = yield x, sigma
        if sigma_next == 0:
            return seen.denoised
        slopes = [seen.slope(sigma), *slopes[:3]]
        lengths = [sigma_next - sigma, *lengths[:3]]
        x = seen.x
        for weight, slope in zip(weigh(lengths), slopes, strict=True):
            x = x + (lengths[0] * weight) * slope
    return x


def _weights_of_lengths(lengths: Sequence[float]) -> Sequence[float]:
    """As published. The second-difference term of order three and four does not scale with the lengths quite
    as the exact integral does (LMS has that one); it is kept because it is what people know by this name.
    """
    if len(lengths) == 1:
        return (1.0,)
    h, h1 = lengths[:2]
    second = h / h1 / 2
    weights = [1 + second, -second, 0.0, 0.0]
    if len(lengths) >= 3:
        h2 = lengths[2]
        third = (1 - h / (3 * (h + h1)) * (h * (h + h1)) / (h1 * (h1 + h2))) / 2
        for i, part in enumerate((1.0, -(1 + h1 / h2), h1 / h2)):
            weights[i] += part * third
    if len(lengths) == 4:
        h3 = lengths[3]
        shape = (1 - h / (3 * (h + h1))) / 2 + (1 - h / (2 * (h + h1))) * h / (6 * (h + h1 + h2))
        fourth = shape * (h * (h + h1) * (h + h1 + h2)) / (h1 * (h1 + h2) * (h1 + h2 + h3))
        ratio = h1 * (h1 + h2) / (h2 * (h2 + h3))
        parts = (1.0, -(1 + h1 / h2 + ratio), h1 / h2 + ratio * (1 + h2 / h3), -ratio * h2 / h3)
        for i, part in enumerate(parts):
            weights[i] += part * fourth
    return weights[: len(lengths)]
