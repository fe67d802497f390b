"""HeunPP2: Heun with up to three slopes, weighted by their noise levels.

After ``sample_heunpp2`` of github.com/Carzit/sd-webui-samplers-scheduler, without churn. Each step looks up
to two levels ahead; a slope weighs in proportion to its level over the first one. Three denoiser calls a
step, two for the last but one, one for the last.
"""

from torch import Tensor

from generation.engine.samplers.stepwise import Course, Steps


def heunpp2(x: Tensor, course: Course) -> Steps:
    first, last = course.sigmas[0], course.sigmas[-1]
    for i, (sigma, sigma_next) in enumerate(course.pairs()):
        start = yield x, sigma
        slope = start.slope(sigma)
        ahead = [level for level in course.sigmas[i + 1 : i + 3] if level != last]
        mean, probe_x, probe_sigma, probe_slope = slope, start.x, sigma, slope
        for level in ahead:
            probe = yield probe_x + (level - probe_sigma) * probe_slope, level
            probe_x, probe_sigma, probe_slope = probe.x, level, probe.slope(level)
            mean = mean + (level / (first * (len(ahead) + 1))) * (probe_slope - slope)
        x = start.x + (sigma_next - sigma) * mean
    return x
