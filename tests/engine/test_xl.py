"""SDXL through the whole engine: equal to diffusers' own pipeline, and batched like everything else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from generation.engine.spec import Progress
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, Denoiser, MakeEngine, MakeRequest
from tests.engine.test_batching import MIXED, pixels, submit_together
from tests.engine.tiny import tiny_xl_folder

DEMO = Path(__file__).resolve().parents[2] / "models_hub/demo/xl"
TRAINED: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Euler": ("EulerDiscreteScheduler", TRAINED),
    "Euler a": ("EulerAncestralDiscreteScheduler", TRAINED),
    "DDIM": ("DDIMScheduler", {**TRAINED, "set_alpha_to_one": False, "clip_sample": False}),
    "DPM++ 2M": (
        "DPMSolverMultistepScheduler",
        {**TRAINED, "timestep_spacing": "linspace", "use_karras_sigmas": True},
    ),
}
PROMPTS = [
    ("a red fox", "blue cat"),
    ("a red fox", ""),
    ("", "blue cat"),
    ("", ""),
    ("a fox! on the background, photo", "cat!"),
]
SIZE = {"width": 64, "height": 64}


def untyped(thing: Any) -> Any:
    """diffusers is not typed; this says so once instead of at each call."""
    return thing


def load_pipeline(folder: Path) -> Any:
    loaded = untyped(StableDiffusionXLPipeline).from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, add_watermarker=False
    )
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture(scope="module")
def pipeline(tiny_xl: Path) -> Any:
    return load_pipeline(tiny_xl)


def run_pipeline(pipeline: Any, sampler: str = "Euler", *, seed: int = 7, **options: Any) -> Tensor:
    class_name, config = SAMPLERS[sampler]
    prediction_type = pipeline.scheduler.config.prediction_type
    pipeline.scheduler = getattr(diffusers, class_name)(**config, prediction_type=prediction_type)
    made: Tensor = pipeline(
        num_inference_steps=6,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="latent",
        **{"guidance_scale": 7.5, **SIZE, **options},
    ).images
    return made


def assert_equal(ours: Tensor, expected: Tensor) -> None:
    """Within 1e-4 of the latents' own scale, which random weights make larger than a trained model would."""
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(ours / scale, expected / scale, atol=1e-4, rtol=0)


@pytest.fixture
def paint(tiny_xl: Path, engine: StepEngine, make_request: MakeRequest, decoded: list[Tensor]) -> Any:
    """Paint with the engine and return the latents."""

    def run(prompt: str = "a red fox", **values: Any) -> Tensor:
        request = make_request(prompt, **{"model": tiny_xl, "steps": 6, "seed": 7, **values})
        engine.submit(request).result(TIMEOUT)
        return decoded[-1]

    return run


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("guidance", [7.5, 1.0])
def test_latents_equal_the_pipelines(sampler: str, guidance: float, pipeline: Any, paint: Any) -> None:
    options: dict[str, Any] = {"negative_prompt": "a cat", "guidance_scale": guidance}
    expected = run_pipeline(pipeline, sampler, prompt="a red fox", **options)
    assert_equal(paint(sampler=sampler, **options), expected)


@pytest.mark.parametrize(("prompt", "negative"), PROMPTS)
def test_every_kind_of_prompt_is_read_as_the_pipeline_reads_it(
    prompt: str, negative: str, pipeline: Any, paint: Any
) -> None:
    # An empty negative prompt is what diffusers calls none at all.
    expected = run_pipeline(pipeline, prompt=prompt, negative_prompt=negative or None)
    assert_equal(paint(prompt, negative_prompt=negative), expected)


def test_an_empty_negative_is_read_as_text_where_the_checkpoint_says_so(
    paint: Any, pipeline: Any, tmp_path: Path
) -> None:
    folder = tiny_xl_folder(tmp_path / "reading", zeros_for_empty=False)
    expected = run_pipeline(load_pipeline(folder), prompt="a red fox")
    assert_equal(paint(model=folder), expected)
    assert not torch.allclose(expected, run_pipeline(pipeline, prompt="a red fox"), atol=1e-2)


def test_the_size_is_told_height_first(pipeline: Any, paint: Any) -> None:
    size: dict[str, Any] = {"width": 96, "height": 64}
    assert_equal(paint(**size), run_pipeline(pipeline, prompt="a red fox", **size))


def test_v_prediction_equals_the_pipelines(paint: Any, tmp_path: Path) -> None:
    folder = tiny_xl_folder(tmp_path / "velocity", seed=3, prediction_type="v_prediction")
    expected = run_pipeline(load_pipeline(folder), prompt="a red fox", negative_prompt="a cat")
    assert_equal(paint(negative_prompt="a cat", model=folder), expected)


def encoded_by_hand(pipeline: Any, chunks: Sequence[str], *, skipped: int = 0) -> tuple[Tensor, Tensor]:
    """Texts of at most 75 tokens, end to end, and the first one's pooled embedding."""
    parts = []
    for tokenizer, encoder in (
        (pipeline.tokenizer, pipeline.text_encoder),
        (pipeline.tokenizer_2, pipeline.text_encoder_2),
    ):
        ids = [
            tokenizer(text, padding="max_length", max_length=77, return_tensors="pt").input_ids
            for text in chunks
        ]
        outputs = [encoder(each, output_hidden_states=True) for each in ids]
        parts.append(torch.cat([output.hidden_states[-2 - skipped] for output in outputs], dim=1))
    return torch.cat(parts, dim=-1), outputs[0].text_embeds


def test_long_prompts_are_chunks_end_to_end(pipeline: Any, paint: Any) -> None:
    chunks = [" ".join(["red fox"] * 37) + " a", "blue cat"]
    with torch.inference_mode():
        text, pooled = encoded_by_hand(pipeline, chunks)
        expected = run_pipeline(
            pipeline,
            prompt_embeds=text,
            pooled_prompt_embeds=pooled,
            negative_prompt_embeds=torch.zeros_like(text),
            negative_pooled_prompt_embeds=torch.zeros_like(pooled),
        )
    assert_equal(paint(" ".join(chunks)), expected)


def test_clip_skip_leaves_out_more_layers_of_both_encoders(pipeline: Any, paint: Any) -> None:
    unguided: dict[str, Any] = {"clip_skip": 1, "guidance_scale": 1.0}
    assert_equal(paint(**unguided), run_pipeline(pipeline, prompt="a red fox", **unguided))
    with torch.inference_mode():
        # diffusers itself leaves the negative prompt's layers as they are.
        (text, pooled), (negative, negative_pooled) = (
            encoded_by_hand(pipeline, [words], skipped=1) for words in ("a red fox", "a cat")
        )
        expected = run_pipeline(
            pipeline,
            prompt_embeds=text,
            pooled_prompt_embeds=pooled,
            negative_prompt_embeds=negative,
            negative_pooled_prompt_embeds=negative_pooled,
        )
    assert_equal(paint(negative_prompt="a cat", clip_skip=1), expected)


def test_too_much_clip_skip_names_the_field(paint: Any) -> None:
    with pytest.raises(Exception, match="1 can") as caught:
        paint(clip_skip=2)
    assert getattr(caught.value, "field", None) == "clip_skip"


def test_decoding_equals_the_pipelines(
    pipeline: Any, engine: StepEngine, make_request: MakeRequest, decoded: list[Tensor], tiny_xl: Path
) -> None:
    result = engine.submit(make_request(model=tiny_xl)).result(TIMEOUT)
    with torch.inference_mode():
        raw = pipeline.vae.decode(decoded[0] / pipeline.vae.config.scaling_factor, return_dict=False)[0]
    [expected] = pipeline.image_processor.postprocess(raw, output_type="pil")
    assert np.array_equal(np.asarray(result.images[0]), np.asarray(expected))


def test_mixed_company_changes_no_bit_in_the_same_bucket(
    make_engine: MakeEngine,
    make_request: MakeRequest,
    decoded: list[Tensor],
    denoiser: Denoiser,
    tiny_xl: Path,
) -> None:
    engine = make_engine(min_bucket=4)
    requests = [make_request(model=tiny_xl, **values) for values in MIXED[:4]]
    together = [future.result(TIMEOUT) for future in submit_together(engine, requests)]
    mixed = {latents.numpy().tobytes() for latents in decoded}
    decoded.clear()
    alone = [engine.submit(request).result(TIMEOUT) for request in requests]
    assert [pixels(result) for result in together] == [pixels(result) for result in alone]
    assert mixed == {latents.numpy().tobytes() for latents in decoded}
    assert len(mixed) == 4
    assert set(denoiser.batches) == {8}  # four rows, twice for guidance


def test_both_families_take_turns_in_one_engine(
    make_engine: MakeEngine, make_request: MakeRequest, tiny_xl: Path
) -> None:
    engine = make_engine(preview_interval=0.0, min_bucket=2)
    previews: list[bytes] = []

    def collect(progress: Progress) -> None:
        if progress.preview:
            previews.append(progress.preview)

    ours, xl = make_request(steps=5), make_request(steps=5, model=tiny_xl)
    alone = [pixels(engine.submit(request).result(TIMEOUT)) for request in (ours, xl)]
    together = [pixels(future.result(TIMEOUT)) for future in submit_together(engine, [ours, xl, xl, ours])]
    assert together == [alone[0], alone[1], alone[1], alone[0]]
    assert alone[0] != alone[1]
    assert engine.stats().loads == 2
    watched = engine.submit(xl, on_progress=collect, wants_preview=lambda: True).result(TIMEOUT)
    assert pixels(watched) == alone[1]
    assert len(previews) == 5


def test_one_family_makes_room_for_the_other(
    make_engine: MakeEngine, make_request: MakeRequest, tiny_xl: Path
) -> None:
    engine = make_engine(cache_bytes=1)
    first = engine.submit(make_request(model=tiny_xl)).result(TIMEOUT)
    engine.submit(make_request()).result(TIMEOUT)
    again = engine.submit(make_request(model=tiny_xl)).result(TIMEOUT)
    assert pixels(first) == pixels(again)
    assert engine.stats().loads == 3


def test_half_precision_paints_nearly_the_same(
    make_engine: MakeEngine, make_request: MakeRequest, decoded: list[Tensor], tiny_xl: Path
) -> None:
    for precision in ("fp32", "bf16", "fp16"):
        make_engine(precision=precision).submit(make_request(model=tiny_xl)).result(TIMEOUT)
    for half in decoded[1:]:
        assert 0 < (decoded[0] - half).norm() / decoded[0].norm() < 0.2


def test_the_demo_checkpoint_paints_what_plain_diffusers_paints(
    engine: StepEngine, make_request: MakeRequest
) -> None:
    """Nothing overridden: the checkpoint's own scheduler, spacing and prediction."""
    words: dict[str, Any] = {"prompt": "photo of a red apple", "negative_prompt": "blue"}
    size: dict[str, Any] = {"width": 128, "height": 128}
    request = make_request(model=DEMO, sampler="Euler", steps=10, seed=5, guidance_scale=5.0, **words, **size)
    ours = engine.submit(request).result(TIMEOUT).images[0]
    [theirs] = load_pipeline(DEMO)(
        **words,
        **size,
        num_inference_steps=10,
        guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(5),
    ).images
    difference = np.abs(np.asarray(ours, dtype=int) - np.asarray(theirs, dtype=int))
    assert difference.max() <= 1
    assert np.asarray(ours).std() > 10  # a picture, not a plain field
