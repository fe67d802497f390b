"""Samplers on a denoiser that is known exactly, against reference loops, and the face they all share."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import LMSDiscreteScheduler
from torch import Tensor

from generation.engine.catalog import SAMPLERS, SCHEDULES, SamplerInfo, resolve_sampler
from generation.engine.errors import EngineError
from generation.engine.samplers import Sampler, build_sampler, predicted_x0
from generation.engine.samplers.levels import NoiseLevels, complete_config
from generation.engine.samplers.schedules import exponential, schedule_sigmas
from tests.engine.reference_loops import LOOPS

MEAN, SPREAD = 0.3, 0.5
"""Of the normal distribution that the test's "pictures" come from, independent in every cell."""
LEVELS = NoiseLevels.from_config(complete_config({}))
NAMES = [info.name for info in SAMPLERS]
EVALUATIONS = {
    "DPM++ SDE": 19, "DPM++ 2S a": 19, "Heun": 19, "DPM2": 19, "DPM2 a": 19, "Restart": 19, "HeunPP2": 27,
    "PLMS": 11,
}  # fmt: skip
"""Denoiser calls for ten steps, where they are not ten."""
DETERMINISTIC = [info.name for info in SAMPLERS if not info.stochastic]

Denoiser = Callable[[Tensor, float], Tensor]
"""From the scaled input and the level to the output."""


def ideal(prediction_type: str = "epsilon") -> Denoiser:
    """The best possible denoiser for the distribution."""

    def denoise(scaled: Tensor, sigma: float) -> Tensor:
        signal, noise = 1 / math.hypot(sigma, 1), sigma / math.hypot(sigma, 1)
        gain = signal * SPREAD**2 / (signal**2 * SPREAD**2 + noise**2)
        x0 = MEAN + gain * (scaled - signal * MEAN)
        epsilon = (scaled - signal * x0) / noise
        return epsilon if prediction_type == "epsilon" else signal * epsilon - noise * x0

    return denoise


def curved(scaled: Tensor, sigma: float) -> Tensor:
    """Something nonlinear, so that no term of an algorithm vanishes."""
    return torch.sin(3 * scaled) * 0.7 + scaled * sigma / (sigma + 1) + 0.1 * math.cos(sigma)


def build(
    name: str, schedule: str = "Automatic", *, steps: int = 10, seed: int = 0, **config: Any
) -> Sampler:
    return build_sampler(name, schedule, steps=steps, scheduler_config=config, seed=seed, width=64, height=64)


def start(sampler: Sampler, *, side: int = 8, seed: int = 0) -> tuple[Tensor, torch.Generator]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 4, side, side, generator=generator) * sampler.init_noise_sigma, generator


def advance(sampler: Sampler, call: int, x: Tensor, denoiser: Denoiser, generator: torch.Generator) -> Tensor:
    t = sampler.timesteps[call]
    output = denoiser(sampler.scale_model_input(x, t), sampler.levels.sigma_at(float(t)))
    return sampler.step(output, t, x, generator=generator).prev_sample


def run(
    sampler: Sampler, denoiser: Denoiser, x: Tensor | None = None, generator: torch.Generator | None = None
) -> Tensor:
    if x is None or generator is None:
        x, generator = start(sampler)
    call = 0
    while not sampler.finished:
        x = advance(sampler, call, x, denoiser, generator)
        call += 1
    assert call == len(sampler.timesteps)
    return x


# --- all names, all schedules


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", NAMES)
def test_every_schedule_and_step_count_gives_something_finite(name: str, prediction_type: str) -> None:
    resolved = {resolve_sampler(name, schedule.name)[1] for schedule in SCHEDULES}
    for schedule in sorted(resolved):
        for steps in (1, 2, 5, 20):
            sampler = build(name, schedule, steps=steps, prediction_type=prediction_type)
            result = run(sampler, ideal(prediction_type))
            assert result.shape == (1, 4, 8, 8)
            assert result.dtype == torch.float32
            assert torch.isfinite(result).all(), (schedule, steps)
            assert result.abs().max() < 100, (schedule, steps)


@pytest.mark.parametrize("name", NAMES)
def test_zero_terminal_snr(name: str) -> None:
    sampler = build(
        name,
        steps=20,
        rescale_betas_zero_snr=True,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
    )
    x, generator = start(sampler, side=32)
    result = run(sampler, ideal("v_prediction"), x, generator)
    assert result.mean() == pytest.approx(MEAN, abs=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_noise_and_velocity_mean_the_same_picture(name: str) -> None:
    noise, velocity = (
        run(build(name, prediction_type=prediction_type), ideal(prediction_type))
        for prediction_type in ("epsilon", "v_prediction")
    )
    # diffusers' PLMS extrapolates whole outputs, so with velocities it has another truncation error.
    torch.testing.assert_close(noise, velocity, atol=0.25 if name == "PLMS" else 5e-3, rtol=0)


# --- where they end


def exact_end(x: Tensor, sigma: float) -> Tensor:
    """Where the probability flow ODE carries ``x`` = clean + sigma * noise: known in closed form."""
    return MEAN + (x - MEAN) * (SPREAD / math.hypot(SPREAD, sigma))


@pytest.mark.parametrize(
    "name",
    ["DPM++ 2M", "Euler", "LMS", "Heun", "DPM2", "HeunPP2", "IPNDM", "IPNDM_V", "DEIS", "UniPC", "Restart"],
)
def test_more_steps_come_nearer_to_the_exact_solution(name: str) -> None:
    errors = []
    for steps in (8, 80):
        # Restart is an ODE sampler below 20 steps only.
        sampler = build(name, steps=min(steps, 19) if name == "Restart" else steps)
        x, generator = start(sampler)
        sigma = sampler.levels.sigma_max
        unscaled = x if sampler.variance_exploding else x * math.hypot(sigma, 1)
        errors.append(float((run(sampler, ideal(), x, generator) - exact_end(unscaled, sigma)).abs().max()))
    coarse, fine = errors
    assert fine < coarse / 2
    assert fine < 0.1


@pytest.mark.parametrize("schedule", ["sgm_uniform", "simple"])
@pytest.mark.parametrize("name", ["DPM++ 2M", "Euler", "LMS", "Heun", "DPM2", "HeunPP2", "IPNDM", "DEIS"])
def test_no_noise_is_left_by_schedules_that_stop_early(name: str, schedule: str) -> None:
    sampler = build(name, schedule, steps=10)
    x, generator = start(sampler, side=32)
    assert sampler.levels.sigma_at(float(sampler.timesteps[-1])) < 0.7
    assert run(sampler, ideal(), x, generator).std() < SPREAD * 1.04


@pytest.mark.parametrize("name", [info.name for info in SAMPLERS if info.takes_schedule])
def test_a_single_step_goes_from_the_top(name: str) -> None:
    for schedule in ("Automatic", "Karras", "Exponential", "Beta", "Uniform", "Normal"):
        assert build(name, schedule, steps=1).timesteps[0] >= 998


@pytest.mark.parametrize("name", NAMES)
def test_samples_have_the_datas_distribution(name: str) -> None:
    sampler = build(name, steps=60)
    x, generator = start(sampler, side=64)
    result = run(sampler, ideal(), x, generator)
    # LCM takes the predicted mean as the picture, so it has less spread than the data.
    spread = 0.3 if name == "LCM" else SPREAD
    assert result.mean() == pytest.approx(MEAN, abs=0.03)
    assert result.std() == pytest.approx(spread, abs=0.15 if name == "LCM" else 0.06)


# --- against independent loops


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 12, 24, 40])
@pytest.mark.parametrize("name", LOOPS)
def test_own_samplers_equal_reference_loops(name: str, steps: int) -> None:
    sampler = build(name, "karras", steps=steps)
    x, generator = start(sampler)
    noise = torch.Generator()
    noise.set_state(generator.get_state())
    if name in {"DPM fast", "DPM adaptive"}:
        sigmas = tuple(exponential(LEVELS, steps + 1).tolist())
    else:
        sigmas = schedule_sigmas("karras", LEVELS, steps)
    expected = LOOPS[name](
        lambda x, sigma: x - sigma * curved(x / math.hypot(sigma, 1), sigma),
        x,
        sigmas,
        lambda: torch.randn(x.shape, generator=noise),
    )
    torch.testing.assert_close(run(sampler, curved, x, generator), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("schedule", ["uniform", "karras"])
@pytest.mark.parametrize("steps", [1, 2, 4, 15])
def test_lms_equals_diffusers(steps: int, schedule: str) -> None:
    reference: Any = LMSDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    reference.set_timesteps(steps)
    reference.sigmas = torch.tensor(schedule_sigmas(schedule, LEVELS, steps))
    reference.set_begin_index(0)
    sampler = build("LMS", schedule, steps=steps)
    x, generator = start(sampler)
    expected = x
    for t, sigma in zip(reference.timesteps, reference.sigmas, strict=False):
        output = curved(reference.scale_model_input(expected, t), float(sigma))
        expected = reference.step(output, t, expected).prev_sample
    torch.testing.assert_close(run(sampler, curved, x, generator), expected, atol=1e-3, rtol=1e-4)


# --- the face


@pytest.mark.parametrize("name", [name for name in NAMES if name != "DPM adaptive"])
def test_timesteps_are_known_in_advance(name: str) -> None:
    sampler = build(name)
    assert len(sampler.timesteps) == EVALUATIONS.get(name, 10)
    assert sampler.timesteps.dtype == torch.float32
    assert sampler.timesteps.device.type == "cpu"
    assert sampler.timesteps.min() >= 0
    assert sampler.timesteps.max() <= 999
    before = sampler.timesteps.clone()
    run(sampler, ideal())
    assert torch.equal(sampler.timesteps, before)


def test_dpm_adaptive_decides_as_it_goes() -> None:
    easy, hard = build("DPM adaptive"), build("DPM adaptive")
    run(easy, ideal())
    run(hard, curved)
    assert 10 < len(easy.timesteps) < len(hard.timesteps)
    assert easy.timesteps[0] == pytest.approx(999)
    assert easy.timesteps[-1] < 10


@pytest.mark.parametrize("broken", [math.nan, math.inf, 1e30])
def test_dpm_adaptive_ends_on_broken_outputs(broken: float) -> None:
    sampler = build("DPM adaptive")
    run(sampler, lambda scaled, sigma: torch.full_like(scaled, broken))
    assert len(sampler.timesteps) < 1000


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_picture(name: str) -> None:
    one, again = (run(build(name, seed=3), curved) for _ in range(2))
    assert torch.equal(one, again)


@pytest.mark.parametrize("info", SAMPLERS, ids=lambda info: info.name)
def test_only_stochastic_samplers_depend_on_the_seed(info: SamplerInfo) -> None:
    results = []
    for seed in (1, 2):
        sampler = build(info.name, steps=20, seed=seed)
        x, _ = start(sampler)
        results.append(run(sampler, ideal(), x, torch.Generator().manual_seed(seed)))
    assert torch.equal(*results) is not info.stochastic


@pytest.mark.parametrize("name", NAMES)
def test_the_global_generator_is_left_alone(name: str) -> None:
    before = torch.get_rng_state()
    run(build(name, steps=20), ideal())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", NAMES)
def test_rows_share_nothing(name: str) -> None:
    def pair() -> list[tuple[Sampler, Tensor, torch.Generator]]:
        samplers = [build(name, steps=5, seed=seed) for seed in (1, 2)]
        return [(sampler, *start(sampler, seed=seed)) for seed, sampler in enumerate(samplers)]

    alone = [run(sampler, ideal(), x, generator) for sampler, x, generator in pair()]
    rows = pair()
    latents, calls = [x for _, x, _ in rows], [0, 0]
    while any(not sampler.finished for sampler, _, _ in rows):
        for i, (sampler, _, generator) in enumerate(rows):
            if not sampler.finished:
                latents[i] = advance(sampler, calls[i], latents[i], ideal(), generator)
                calls[i] += 1
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(latents, alone, strict=True))


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", NAMES)
def test_previews_show_the_prediction_and_change_nothing(name: str, prediction_type: str) -> None:
    denoiser = ideal(prediction_type)
    sampler, undisturbed = (build(name, steps=5, prediction_type=prediction_type) for _ in range(2))
    x, generator = start(sampler)
    call = 0
    while not sampler.finished:
        t = sampler.timesteps[call]
        sigma = sampler.levels.sigma_at(float(t))
        scaled = sampler.scale_model_input(x, t)
        output = denoiser(scaled, sigma)
        signal, noise = 1 / math.hypot(sigma, 1), sigma / math.hypot(sigma, 1)
        seen = (
            (scaled - noise * output) / signal
            if prediction_type == "epsilon"
            else signal * scaled - noise * output
        )
        # Some schedulers round timesteps but not levels, which shows where nearly all is noise.
        torch.testing.assert_close(predicted_x0(sampler, output, t, x), seen, atol=0.15, rtol=0.02)
        x = sampler.step(output, t, x, generator=generator).prev_sample
        predicted_x0(sampler, output, t, x)
        call += 1
    assert torch.equal(x, run(undisturbed, denoiser))


@pytest.mark.parametrize("name", LOOPS)
def test_own_samplers_go_on_from_changed_latents(name: str) -> None:
    """Inpainting puts the kept part back after each step."""
    sampler = build(name)
    x, generator = start(sampler)
    kept = torch.full_like(x, 0.25)
    call = 0
    while not sampler.finished:
        x = advance(sampler, call, x, ideal(), generator)
        call += 1
        sigma = 0.0 if sampler.finished else sampler.levels.sigma_at(float(sampler.timesteps[call]))
        x = torch.cat([kept[..., :4] + sigma * torch.ones_like(kept[..., :4]), x[..., 4:]], dim=-1)
    assert torch.equal(x[..., :4], kept[..., :4])
    assert torch.isfinite(x).all()


def test_ddim_cfgpp_uses_the_unconditional_half() -> None:
    def last(uncond: float | None) -> Tensor:
        sampler = build("DDIM CFG++")
        assert sampler.wants_uncond
        x, generator = start(sampler)
        for call in range(len(sampler.timesteps)):
            t = sampler.timesteps[call]
            output = curved(sampler.scale_model_input(x, t), sampler.levels.sigma_at(float(t)))
            half = None if uncond is None else output * uncond
            x = sampler.step(output, t, x, generator=generator, uncond_output=half).prev_sample
        return x

    plain = run(build("DDIM"), curved)
    torch.testing.assert_close(last(None), plain, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(last(1.0), plain, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(last(0.5), plain, atol=1e-2)


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize(("own", "library"), [("IPNDM", "Euler"), ("HeunPP2", "Heun")])
def test_own_and_library_samplers_start_alike(own: str, library: str, spacing: str) -> None:
    ours, theirs = (build(name, steps=7, timestep_spacing=spacing) for name in (own, library))
    assert ours.init_noise_sigma == pytest.approx(theirs.init_noise_sigma, rel=1e-5)
    assert ours.timesteps[0] == pytest.approx(float(theirs.timesteps[0]))


def test_a_checkpoint_that_predicts_something_else_is_refused() -> None:
    with pytest.raises(EngineError) as caught:
        build("Euler", prediction_type="flow_prediction")
    assert caught.value.code == "unsupported_checkpoint"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_pictures_do_not_depend_on_the_device(name: str) -> None:
    results = []
    for device in ("cpu", "cuda"):
        sampler = build(name, steps=20, seed=5)
        x, generator = start(sampler)
        results.append(run(sampler, ideal(), x.to(device), generator).cpu())
    torch.testing.assert_close(*results, atol=1e-4, rtol=1e-4)
