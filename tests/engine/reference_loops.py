"""The samplers that diffusers lacks, as plain loops over a model: written from the published algorithms,
apart from the code under test, and as directly as possible.

``model(x, sigma)`` gives the denoised latents at ``x`` = clean + sigma * noise, ``sigmas`` end in 0,
``noise()`` draws standard normal noise.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

Model = Callable[[Tensor, float], Tensor]
Noise = Callable[[], Tensor]


def up_down(sigma: float, sigma_next: float) -> tuple[float, float]:
    up = min(sigma_next, (sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2) ** 0.5)
    return up, (sigma_next**2 - up**2) ** 0.5


def dpmpp_2s_ancestral(model: Model, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i])
        up, down = up_down(sigmas[i], sigmas[i + 1])
        if down == 0:
            x = x + (x - denoised) / sigmas[i] * (down - sigmas[i])
        else:
            t, t_next = -math.log(sigmas[i]), -math.log(down)
            h = t_next - t
            s = t + 0.5 * h
            x_2 = math.exp(-s) / math.exp(-t) * x - math.expm1(-h * 0.5) * denoised
            denoised_2 = model(x_2, math.exp(-s))
            x = math.exp(-t_next) / math.exp(-t) * x - math.expm1(-h) * denoised_2
        if sigmas[i + 1] > 0:
            x = x + noise() * up
    return x


def dpmpp_3m_sde(model: Model, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    past: list[Tensor] = []
    steps: list[float] = []
    for i in range(len(sigmas) - 1):
        d0 = model(x, sigmas[i])
        if sigmas[i + 1] == 0:
            return d0
        h = -math.log(sigmas[i + 1]) + math.log(sigmas[i])
        eta_h = 2 * h
        x = math.exp(-eta_h) * x - math.expm1(-eta_h) * d0
        if len(past) >= 2:
            r0, r1 = steps[-1] / h, steps[-2] / h
            d1_0 = (d0 - past[-1]) / r0
            d1_1 = (past[-1] - past[-2]) / r1
            d1 = d1_0 + (d1_0 - d1_1) * r0 / (r0 + r1)
            d2 = (d1_0 - d1_1) / (r0 + r1)
            phi_2 = math.expm1(-eta_h) / eta_h + 1
            phi_3 = phi_2 / eta_h - 0.5
            x = x + phi_2 * d1 - phi_3 * d2
        elif past:
            phi_2 = math.expm1(-eta_h) / eta_h + 1
            x = x + phi_2 * (d0 - past[-1]) / (steps[-1] / h)
        x = x + noise() * sigmas[i + 1] * math.sqrt(-math.expm1(-2 * h))
        past.append(d0)
        steps.append(h)
    return x


def heunpp2(model: Model, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    for i in range(len(sigmas) - 1):
        d = (x - model(x, sigmas[i])) / sigmas[i]
        dt = sigmas[i + 1] - sigmas[i]
        if i == len(sigmas) - 2:
            x = x + d * dt
            continue
        x_2 = x + d * dt
        d_2 = (x_2 - model(x_2, sigmas[i + 1])) / sigmas[i + 1]
        if i == len(sigmas) - 3:
            w2 = sigmas[i + 1] / (2 * sigmas[0])
            x = x + ((1 - w2) * d + w2 * d_2) * dt
            continue
        x_3 = x_2 + d_2 * (sigmas[i + 2] - sigmas[i + 1])
        d_3 = (x_3 - model(x_3, sigmas[i + 2])) / sigmas[i + 2]
        w2, w3 = sigmas[i + 1] / (3 * sigmas[0]), sigmas[i + 2] / (3 * sigmas[0])
        x = x + ((1 - w2 - w3) * d + w2 * d_2 + w3 * d_3) * dt
    return x


def ipndm(model: Model, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    past: list[Tensor] = []
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i])
        d = (x - denoised) / sigmas[i]
        dt = sigmas[i + 1] - sigmas[i]
        if sigmas[i + 1] == 0:
            return denoised
        if i == 0:
            x = x + dt * d
        elif i == 1:
            x = x + dt * (3 * d - past[-1]) / 2
        elif i == 2:
            x = x + dt * (23 * d - 16 * past[-1] + 5 * past[-2]) / 12
        else:
            x = x + dt * (55 * d - 59 * past[-1] + 37 * past[-2] - 9 * past[-3]) / 24
        past.append(d)
    return x


def ipndm_v(model: Model, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    past: list[Tensor] = []
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i])
        d = (x - denoised) / sigmas[i]
        if sigmas[i + 1] == 0:
            return denoised
        a = sigmas[i + 1] - sigmas[i]
        weights = [1.0]
        if i >= 1:
            b = sigmas[i] - sigmas[i - 1]
            weights = [(2 + a / b) / 2, -(a / b) / 2]
        if i >= 2:
            c = sigmas[i - 1] - sigmas[i - 2]
            k = (1 - a / (3 * (a + b)) * (a * (a + b)) / (b * (b + c))) / 2
            weights = [weights[0] + k, weights[1] - (1 + b / c) * k, k * b / c]
        if i >= 3:
            e = sigmas[i - 2] - sigmas[i - 3]
            m = (1 - a / (3 * (a + b))) / 2 + (1 - a / (2 * (a + b))) * a / (6 * (a + b + c))
            m *= (a * (a + b) * (a + b + c)) / (b * (b + c) * (b + c + e))
            q = b * (b + c) / (c * (c + e))
            weights = [
                weights[0] + m,
                weights[1] - (1 + b / c + q) * m,
                weights[2] + (b / c + q * (1 + c / e)) * m,
                -m * q * c / e,
            ]
        slopes = [d, *reversed(past)]
        x = x + a * sum((w * slope for w, slope in zip(weights, slopes, strict=False)), torch.zeros_like(x))
        past.append(d)
    return x


def restart(model: Model, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    n = len(sigmas) - 1
    levels = np.array(sigmas)
    again: list[float] = []
    rounds = 0
    if n >= 20:
        length, rounds = (n // 4, 2) if n >= 36 else (9, 1)
        levels = np.append(karras(sigmas[0], sigmas[-2], n - length * rounds), 0.0)
        low, high = abs(levels - 0.1).argmin(), abs(levels - 2.0).argmin()
        again = list(karras(levels[high], levels[low], length + 1))
    for i in range(len(levels) - 1):
        x = heun_step(model, x, levels[i], levels[i + 1])
        if again and i + 1 == low:
            for _ in range(rounds):
                x = x + noise() * math.sqrt(again[0] ** 2 - again[-1] ** 2)
                for sigma, sigma_next in pairwise(again):
                    x = heun_step(model, x, sigma, sigma_next)
    return x


def karras(high: float, low: float, n: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    ramp = np.linspace(0, 1, n)
    levels: np.ndarray[tuple[int], np.dtype[np.float64]]
    levels = (high ** (1 / 7) + ramp * (low ** (1 / 7) - high ** (1 / 7))) ** 7
    return levels


def heun_step(model: Model, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
    d = (x - model(x, sigma)) / sigma
    x_2 = x + d * (sigma_next - sigma)
    if sigma_next == 0:
        return x_2
    d_2 = (x_2 - model(x_2, sigma_next)) / sigma_next
    return x + (d + d_2) / 2 * (sigma_next - sigma)


def dpm_step(model: Model, x: Tensor, t: float, t_next: float, order: int) -> tuple[Tensor, Tensor]:
    """One step of DPM-Solver of the given order, and of the order below from the same evaluations."""

    def eps(x: Tensor, t: float) -> Tensor:
        return (x - model(x, math.exp(-t))) / math.exp(-t)

    h = t_next - t
    e = eps(x, t)
    x_1 = x - math.exp(-t_next) * math.expm1(h) * e
    if order == 1:
        return x_1, x_1
    r1 = 1 / 2 if order == 2 else 1 / 3
    s1 = t + r1 * h
    e1 = eps(x - math.exp(-s1) * math.expm1(r1 * h) * e, s1)
    x_2 = x_1 - math.exp(-t_next) / (2 * r1) * math.expm1(h) * (e1 - e)
    if order == 2:
        return x_2, x_1
    r2 = 2 / 3
    s2 = t + r2 * h
    u2 = x - math.exp(-s2) * math.expm1(r2 * h) * e
    u2 = u2 - math.exp(-s2) * (r2 / r1) * (math.expm1(r2 * h) / (r2 * h) - 1) * (e1 - e)
    e2 = eps(u2, s2)
    return x_1 - math.exp(-t_next) / r2 * (math.expm1(h) / h - 1) * (e2 - e), x_2


def ancestral_end(t: float, t_next: float, t_end: float) -> tuple[float, float]:
    _, down = up_down(math.exp(-t), math.exp(-t_next))
    target = min(t_end, -math.log(down))
    return target, math.sqrt(max(math.exp(-2 * t_next) - math.exp(-2 * target), 0))


def dpm_fast(model: Model, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    """``sigmas``: any that begin and end right, one more than there are evaluations."""
    evaluations = len(sigmas) - 1
    m = evaluations // 3 + 1
    orders = [3] * (m - 2) + [2, 1] if evaluations % 3 == 0 else [3] * (m - 1) + [evaluations % 3]
    t_end = -math.log(sigmas[-1])
    times = np.linspace(-math.log(sigmas[0]), t_end, m + 1)
    for i, order in enumerate(orders):
        target, up = ancestral_end(float(times[i]), float(times[i + 1]), t_end)
        x, _ = dpm_step(model, x, float(times[i]), target, order)
        x = x + up * noise()
    return x


def dpm_adaptive(model: Model, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
    s, t_end, h = -math.log(sigmas[0]), -math.log(sigmas[-1]), 0.05
    x_prev = x
    while s < t_end - 1e-5:
        t = min(t_end, s + h)
        target, up = ancestral_end(s, t, t_end)
        x_high, x_low = dpm_step(model, x, s, target, 3)
        delta = torch.maximum(torch.tensor(0.0078), 0.05 * torch.maximum(x_low.abs(), x_prev.abs()))
        error = torch.linalg.norm((x_low - x_high) / delta) / x.numel() ** 0.5
        factor = 1 + math.atan((1 / (float(error) + 1e-8)) ** (1 / 1.5) - 1)
        if factor >= 0.81:
            x_prev = x_low
            x = x_high + up * noise()
            s = t
        h *= factor
    return x


def ddim_cfgpp(
    model: Callable[[Tensor, int], tuple[Tensor, Tensor]],
    x: Tensor,
    timesteps: Sequence[int],
    alphas: Tensor,
    scale: float,
) -> Tensor:
    """In latents of variance one. ``model(x, t)`` gives the unconditional and the conditional noise,
    ``timesteps`` fall, ``alphas`` are cumulative, ``scale`` is the paper's lambda, 0 to 1.
    """
    for i, t in enumerate(timesteps):
        before = timesteps[i + 1] if i + 1 < len(timesteps) else 0
        uncond, cond = model(x, t)
        guided = uncond + scale * (cond - uncond)
        x0 = (x - (1 - alphas[t]).sqrt() * guided) / alphas[t].sqrt()
        x = alphas[before].sqrt() * x0 + (1 - alphas[before]).sqrt() * uncond
    return x


LOOPS: dict[str, Callable[[Model, Tensor, Sequence[float], Noise], Tensor]] = {
    "DPM++ 2S a": dpmpp_2s_ancestral,
    "DPM++ 3M SDE": dpmpp_3m_sde,
    "DPM fast": dpm_fast,
    "DPM adaptive": dpm_adaptive,
    "Restart": restart,
    "HeunPP2": heunpp2,
    "IPNDM": ipndm,
    "IPNDM_V": ipndm_v,
}
