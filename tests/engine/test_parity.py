"""Every sampler of the catalogue through the whole engine: equal to diffusers' own pipeline with a scheduler
made by hand, or, where diffusers has none, to a plain loop over the pipeline's parts; and unmoved by other
rows.
"""

import math
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from generation.engine.catalog import SAMPLERS
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, Denoiser, MakeEngine, MakeRequest
from tests.engine.reference_loops import LOOPS, ddim_cfgpp
from tests.engine.test_batching import pixels, submit_together

PROMPT, NEGATIVE, GUIDANCE, SEED = "a red fox", "a cat", 7.5, 11
TRAINED: dict[str, Any] = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"
}  # fmt: skip
SD: dict[str, Any] = {**TRAINED, "steps_offset": 1, "set_alpha_to_one": False}

LIBRARY: dict[str, tuple[str, dict[str, Any]]] = {
    "DPM++ 2M": ("DPMSolverMultistepScheduler", {**TRAINED, "use_karras_sigmas": True}),
    "DPM++ SDE": (
        "DPMSolverSDEScheduler",
        {**TRAINED, "use_karras_sigmas": True, "noise_sampler_seed": SEED},
    ),
    "DPM++ 2M SDE": (
        "DPMSolverMultistepScheduler",
        {**TRAINED, "use_exponential_sigmas": True, "algorithm_type": "sde-dpmsolver++"},
    ),
    "DPM++ 2M SDE Heun": (
        "DPMSolverMultistepScheduler",
        {
            **TRAINED,
            "use_exponential_sigmas": True,
            "algorithm_type": "sde-dpmsolver++",
            "solver_type": "heun",
        },
    ),
    "Euler a": ("EulerAncestralDiscreteScheduler", TRAINED),
    "Euler": ("EulerDiscreteScheduler", TRAINED),
    "LMS": ("LMSDiscreteScheduler", TRAINED),
    "Heun": ("HeunDiscreteScheduler", TRAINED),
    "DPM2": ("KDPM2DiscreteScheduler", {**TRAINED, "use_karras_sigmas": True}),
    "DPM2 a": ("KDPM2AncestralDiscreteScheduler", {**TRAINED, "use_karras_sigmas": True}),
    "DEIS": ("DEISMultistepScheduler", TRAINED),
    "DDIM": ("DDIMScheduler", {**SD, "clip_sample": False}),
    "PLMS": ("PNDMScheduler", {**SD, "skip_prk_steps": True}),
    "UniPC": ("UniPCMultistepScheduler", TRAINED),
    "LCM": ("LCMScheduler", {**SD, "original_inference_steps": 50}),
    "DDPM": ("DDPMScheduler", {**TRAINED, "steps_offset": 1, "clip_sample": False}),
}
"""Names to diffusers' classes, with every argument that matters spelled out."""
SCHEDULED: dict[str, tuple[str, dict[str, Any]]] = {
    "DPM++ 2M Exponential": (
        "DPMSolverMultistepScheduler", {**TRAINED, "use_exponential_sigmas": True}
    ),
    "DPM++ 2M Beta": ("DPMSolverMultistepScheduler", {**TRAINED, "use_beta_sigmas": True}),
    "Euler Karras": ("EulerDiscreteScheduler", {**TRAINED, "use_karras_sigmas": True}),
    "Euler Beta": ("EulerDiscreteScheduler", {**TRAINED, "use_beta_sigmas": True}),
    "LMS Karras": ("LMSDiscreteScheduler", {**TRAINED, "use_karras_sigmas": True}),
    "Heun Karras": ("HeunDiscreteScheduler", {**TRAINED, "use_karras_sigmas": True}),
    "Heun Exponential": ("HeunDiscreteScheduler", {**TRAINED, "use_exponential_sigmas": True}),
    "DEIS Karras": ("DEISMultistepScheduler", {**TRAINED, "use_karras_sigmas": True}),
}  # fmt: skip
"""The same for schedules that are not the sampler's default."""
STEPS = {"Restart": 22}
OWN = [*LOOPS, "DDIM CFG++"]


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def model(request: pytest.FixtureRequest, tiny: Path, tiny_other: Path) -> Path:
    return tiny if request.param == "epsilon" else tiny_other


@pytest.fixture(scope="module")
def pipeline(model: Path) -> Any:
    pipeline_class: Any = diffusers.StableDiffusionPipeline
    loaded = pipeline_class.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def run_engine(engine: StepEngine, make_request: MakeRequest, decoded: list[Tensor], **values: Any) -> Tensor:
    request = make_request(PROMPT, negative_prompt=NEGATIVE, guidance_scale=GUIDANCE, seed=SEED, **values)
    engine.submit(request).result(TIMEOUT)
    return decoded[-1]


def assert_equal(ours: Tensor, expected: Tensor) -> None:
    """Within 1e-4 of the latents' own scale, which random weights make larger than a trained model would."""
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(ours / scale, expected / scale, atol=1e-4, rtol=0)


def test_every_name_is_covered() -> None:
    assert {*LIBRARY, *OWN} == {info.name for info in SAMPLERS}


@pytest.mark.parametrize("name", [*LIBRARY, *SCHEDULED])
def test_equal_to_diffusers_pipeline(
    name: str,
    model: Path,
    pipeline: Any,
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[Tensor],
) -> None:
    class_name, options = {**LIBRARY, **SCHEDULED}[name]
    prediction_type = pipeline.scheduler.config.prediction_type
    pipeline.scheduler = getattr(diffusers, class_name)(**options, prediction_type=prediction_type)
    expected = pipeline(
        PROMPT,
        negative_prompt=NEGATIVE,
        guidance_scale=GUIDANCE,
        num_inference_steps=10,
        width=64,
        height=64,
        generator=torch.Generator().manual_seed(SEED),
        output_type="latent",
    ).images
    assert_equal(run_engine(engine, make_request, decoded, model=model, sampler=name, steps=10), expected)


class Parts:
    """A pipeline's text encoder and U-Net as the function that a loop needs."""

    def __init__(self, pipeline: Any) -> None:
        self._unet = pipeline.unet
        self._velocity = pipeline.scheduler.config.prediction_type == "v_prediction"
        positive, negative = pipeline.encode_prompt(PROMPT, "cpu", 1, True, NEGATIVE)
        self._text = torch.cat([negative, positive])
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
        self.alphas = torch.cumprod(1 - betas, dim=0)
        self.sigmas = ((1 - self.alphas.double()) / self.alphas.double()).sqrt().numpy()

    def noise(self, scaled: Tensor, t: float, sigma: float) -> tuple[Tensor, Tensor]:
        """The unconditional and the conditional noise."""
        times = torch.tensor([t, t], dtype=torch.float32)
        output = self._unet(torch.cat([scaled, scaled]), times, encoder_hidden_states=self._text).sample
        if self._velocity:
            signal, noise = 1 / math.hypot(sigma, 1), sigma / math.hypot(sigma, 1)
            output = signal * output + noise * scaled
        uncond, cond = output.chunk(2)
        return uncond, cond

    def denoised(self, x: Tensor, sigma: float) -> Tensor:
        t = float(np.interp(math.log(sigma), np.log(self.sigmas), np.arange(1000)))
        uncond, cond = self.noise(x / math.hypot(sigma, 1), t, sigma)
        return x - sigma * (uncond + GUIDANCE * (cond - uncond))

    def at(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        levels: NDArray[np.float64] = np.exp(np.interp(times, np.arange(1000), np.log(self.sigmas)))
        return levels


def sigmas_by_hand(name: str, parts: Parts, steps: int) -> list[float]:
    """The default schedule of each of our samplers, written out."""
    low, high = parts.sigmas[0], parts.sigmas[-1]
    ramp = np.linspace(0, 1, steps)
    if name in {"DPM fast", "DPM adaptive"}:
        return [high, *[1.0] * (steps - 1), low]
    if name in {"DPM++ 2S a", "Restart"}:
        levels = (high ** (1 / 7) + ramp * (low ** (1 / 7) - high ** (1 / 7))) ** 7
    elif name == "DPM++ 3M SDE":
        levels = high ** (1 - ramp) * low**ramp
    else:
        levels = parts.at(999 * (1 - ramp))
    return [*levels.tolist(), 0.0]


@pytest.mark.parametrize("name", LOOPS)
def test_equal_to_a_loop_over_the_pipelines_parts(
    name: str,
    model: Path,
    pipeline: Any,
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[Tensor],
) -> None:
    steps = STEPS.get(name, 10)
    generator = torch.Generator().manual_seed(SEED)
    with torch.inference_mode():
        parts = Parts(pipeline)
        sigmas = sigmas_by_hand(name, parts, steps)
        x = torch.randn(1, 4, 8, 8, generator=generator) * sigmas[0]
        expected = LOOPS[name](parts.denoised, x, sigmas, lambda: torch.randn(x.shape, generator=generator))
    assert_equal(run_engine(engine, make_request, decoded, model=model, sampler=name, steps=steps), expected)


def test_ddim_cfgpp_equals_a_loop_over_the_pipelines_parts(
    model: Path, pipeline: Any, engine: StepEngine, make_request: MakeRequest, decoded: list[Tensor]
) -> None:
    with torch.inference_mode():
        parts = Parts(pipeline)
        expected = ddim_cfgpp(
            lambda x, t: parts.noise(x, t, parts.sigmas[t]),
            torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(SEED)),
            [901, 801, 701, 601, 501, 401, 301, 201, 101, 1],
            parts.alphas,
            GUIDANCE / 12.5,
        )
    ours = run_engine(engine, make_request, decoded, model=model, sampler="DDIM CFG++", steps=10)
    assert_equal(ours, expected)


def test_a_schedule_that_diffusers_lacks_equals_its_levels_given_by_hand(
    pipeline: Any, engine: StepEngine, make_request: MakeRequest, model: Path, decoded: list[Tensor]
) -> None:
    prediction_type = pipeline.scheduler.config.prediction_type
    scheduler_class: Any = diffusers.EulerDiscreteScheduler
    pipeline.scheduler = scheduler_class(**TRAINED, prediction_type=prediction_type)
    published = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029]
    expected = pipeline(
        PROMPT,
        negative_prompt=NEGATIVE,
        guidance_scale=GUIDANCE,
        sigmas=[*published, 0.0],
        width=64,
        height=64,
        generator=torch.Generator().manual_seed(SEED),
        output_type="latent",
    ).images
    ours = run_engine(
        engine, make_request, decoded, model=model, sampler="Euler", schedule="Align Your Steps", steps=11
    )
    assert_equal(ours, expected)


def test_a_mixed_batch_of_all_samplers_changes_no_bit(
    make_engine: MakeEngine, make_request: MakeRequest, decoded: list[Tensor], denoiser: Denoiser
) -> None:
    engine = make_engine(min_bucket=8, max_rows=8)
    requests = [
        make_request(
            f"a {info.name} fox", sampler=info.name, steps=20 if info.name == "Restart" else 3, seed=i
        )
        for i, info in enumerate(SAMPLERS)
    ]
    together = [future.result(TIMEOUT) for future in submit_together(engine, requests)]
    mixed = {latents.numpy().tobytes() for latents in decoded}
    decoded.clear()
    alone = [engine.submit(request).result(TIMEOUT) for request in requests]
    assert [pixels(result) for result in together] == [pixels(result) for result in alone]
    assert mixed == {latents.numpy().tobytes() for latents in decoded}
    assert len(mixed) == len(SAMPLERS)
    assert set(denoiser.batches) == {16}
