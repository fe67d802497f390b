"""A row's latents equal those of diffusers' own pipeline, and its picture is decoded as there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline

from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeRequest
from tests.engine.tiny import SCHEDULER_CONFIG

SCHEDULERS = {"DDIM": DDIMScheduler, "Euler": EulerDiscreteScheduler}


def untyped(thing: Any) -> Any:
    """diffusers is not typed; this says so once instead of at each call."""
    return thing


@pytest.fixture(scope="module")
def pipeline(tiny: Path) -> Any:
    loaded = untyped(StableDiffusionPipeline).from_pretrained(
        tiny, dtype=torch.float32, local_files_only=True
    )
    loaded.set_progress_bar_config(disable=True)
    return loaded


def run_pipeline(pipeline: Any, sampler: str, **options: Any) -> torch.Tensor:
    # Euler's levels are A1111's, whatever spacing the checkpoint's own scheduler would use.
    spacing = {} if sampler == "DDIM" else {"timestep_spacing": "linspace"}
    pipeline.scheduler = SCHEDULERS[sampler].from_config(SCHEDULER_CONFIG, **spacing)
    seed = options.pop("seed")
    made: torch.Tensor = pipeline(
        width=64,
        height=64,
        num_inference_steps=6,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="latent",
        **options,
    ).images
    return made


@pytest.mark.parametrize("sampler", SCHEDULERS)
@pytest.mark.parametrize("guidance", [7.5, 1.0])
def test_latents_equal_the_pipelines(
    sampler: str,
    guidance: float,
    pipeline: Any,
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    expected = run_pipeline(
        pipeline, sampler, prompt="a red fox", negative_prompt="a cat", guidance_scale=guidance, seed=7
    )
    request = make_request(negative_prompt="a cat", sampler=sampler, guidance_scale=guidance, steps=6, seed=7)
    engine.submit(request).result(TIMEOUT)
    torch.testing.assert_close(decoded[0], expected, atol=1e-4, rtol=0)


def test_a_batch_is_the_single_pictures_of_its_seeds(
    pipeline: Any, engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    engine.submit(make_request(sampler="DDIM", steps=6, seed=3, batch_size=3)).result(TIMEOUT)
    for index, latents in enumerate(decoded):
        expected = run_pipeline(pipeline, "DDIM", prompt="a red fox", guidance_scale=7.5, seed=3 + index)
        torch.testing.assert_close(latents, expected, atol=1e-4, rtol=0)


def test_decoding_equals_the_pipelines(
    pipeline: Any, engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    result = engine.submit(make_request(sampler="DDIM", steps=6)).result(TIMEOUT)
    with torch.inference_mode():
        raw = pipeline.vae.decode(decoded[0] / pipeline.vae.config.scaling_factor, return_dict=False)[0]
    [expected] = pipeline.image_processor.postprocess(raw, output_type="pil")
    assert np.array_equal(np.asarray(result.images[0]), np.asarray(expected))


def test_clip_skip_equals_the_encoder_without_its_last_layers(
    pipeline: Any, engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    def skipped(text: str) -> torch.Tensor:
        ids = pipeline.tokenizer(text, padding="max_length", max_length=77, return_tensors="pt").input_ids
        encoder = pipeline.text_encoder
        hidden: torch.Tensor = encoder.embeddings(ids)
        mask = torch.full((77, 77), float("-inf")).triu(1)[None, None]
        for layer in encoder.encoder.layers[:-1]:
            hidden = layer(hidden, mask)
        normed: torch.Tensor = encoder.final_layer_norm(hidden)
        return normed

    with torch.inference_mode():
        expected = run_pipeline(
            pipeline,
            "DDIM",
            prompt_embeds=skipped("a red fox"),
            negative_prompt_embeds=skipped(""),
            guidance_scale=7.5,
            seed=0,
        )
    engine.submit(make_request(sampler="DDIM", steps=6, clip_skip=1)).result(TIMEOUT)
    engine.submit(make_request(sampler="DDIM", steps=6, clip_skip=0)).result(TIMEOUT)
    torch.testing.assert_close(decoded[0], expected, atol=1e-4, rtol=0)
    assert not torch.allclose(decoded[0], decoded[1], atol=1e-2)
