"""LoRAs and textual inversions through the engine, beside diffusers' pipelines and other requests."""

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from generation.engine.checkpoints.components import Checkpoint
from generation.engine.errors import EngineError
from generation.engine.spec import Embedding, GenerationRequest, LoraUnit, ModelRef
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest
from tests.engine.networks.files import kohya, lora_tensors, saved
from tests.engine.test_xl import assert_equal
from tests.engine.tiny import SCHEDULER_CONFIG, TEXT_WIDTH, TEXT_WIDTH_2, XL_SCHEDULER_CONFIG

CLASSES: Any = diffusers  # which is not typed
EULER = {**SCHEDULER_CONFIG, "timestep_spacing": "linspace"}
"""A1111's levels."""


@pytest.fixture(scope="module")
def lora(sd15: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tensors = lora_tensors(sd15.unet, kohya()) | lora_tensors(
        sd15.text_encoder, kohya("lora_te_text_model"), seed=1
    )
    return saved(tensors, tmp_path_factory.mktemp("loras") / "mine.safetensors")


@pytest.fixture(scope="module")
def other_lora(sd15: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tensors = lora_tensors(sd15.unet, kohya(), seed=5)
    return saved(tensors, tmp_path_factory.mktemp("loras") / "other.safetensors")


def unit(path: Path, denoiser: float = 0.7, text_encoder: float = 0.7) -> LoraUnit:
    return LoraUnit(model=ModelRef(path=path), denoiser=denoiser, text_encoder=text_encoder)


def embedding(path: Path, name: str) -> Embedding:
    return Embedding(model=ModelRef(path=path), name=name)


def latents(engine: StepEngine, decoded: list[torch.Tensor], request: GenerationRequest) -> torch.Tensor:
    decoded.clear()
    engine.submit(request).result(TIMEOUT)
    return decoded[0]


def by_pipeline(pipe: Any, config: dict[str, Any], prompt: str) -> torch.Tensor:
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = CLASSES.EulerDiscreteScheduler.from_config(config)
    made: torch.Tensor = pipe(
        prompt, negative_prompt="a cat", width=64, height=64, num_inference_steps=4, guidance_scale=7.5,
        generator=torch.Generator("cpu").manual_seed(7), output_type="latent",
    ).images  # fmt: skip
    return made


def test_loras_equal_the_pipelines(
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
    tiny: Path,
    lora: Path,
    other_lora: Path,
) -> None:
    pipe = CLASSES.StableDiffusionPipeline.from_pretrained(tiny, local_files_only=True)
    pipe.load_lora_weights(lora, adapter_name="mine")
    pipe.load_lora_weights(other_lora, adapter_name="other")
    pipe.set_adapters(["mine", "other"], [0.7, -0.3])
    expected = by_pipeline(pipe, EULER, "a red fox")
    plain = make_request(negative_prompt="a cat", seed=7)
    before = latents(engine, decoded, plain)
    loras = (unit(lora), unit(other_lora, -0.3))
    made = latents(engine, decoded, make_request(negative_prompt="a cat", seed=7, loras=loras))
    assert (made - before).abs().max() > 0.1
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(latents(engine, decoded, plain), before)


def test_embeddings_equal_the_pipelines(
    engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor], tiny: Path, tmp_path: Path
) -> None:
    vectors = torch.randn(3, TEXT_WIDTH, generator=torch.Generator().manual_seed(0))
    path = saved({"mine": vectors}, tmp_path / "mine.safetensors")
    pipe = CLASSES.StableDiffusionPipeline.from_pretrained(tiny, local_files_only=True)
    pipe.load_textual_inversion(path, token="my-style")
    expected = by_pipeline(pipe, EULER, "a red my-style fox")
    request = make_request(
        "a red My-Style fox", negative_prompt="a cat", seed=7, embeddings=(embedding(path, "my-style"),)
    )
    made = latents(engine, decoded, request)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)
    without = make_request("a red My-Style fox", negative_prompt="a cat", seed=7)
    assert (latents(engine, decoded, without) - made).abs().max() > 0.01
    assert torch.equal(latents(engine, decoded, request), made)


def test_xl_reads_embeddings_with_both_encoders(
    engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor], tiny_xl: Path, tmp_path: Path
) -> None:
    draw = torch.Generator().manual_seed(0)
    tensors = {
        "clip_l": torch.randn(2, TEXT_WIDTH, generator=draw),
        "clip_g": torch.randn(2, TEXT_WIDTH_2, generator=draw),
    }
    path = saved(tensors, tmp_path / "xl.safetensors")
    pipe = CLASSES.StableDiffusionXLPipeline.from_pretrained(tiny_xl, local_files_only=True)
    for tower, name in (("", "clip_l"), ("_2", "clip_g")):
        pipe.load_textual_inversion(
            {"mine": tensors[name]},
            token="mine",
            text_encoder=getattr(pipe, f"text_encoder{tower}"),
            tokenizer=getattr(pipe, f"tokenizer{tower}"),
        )
    expected = by_pipeline(pipe, XL_SCHEDULER_CONFIG, "a red mine fox")
    made = latents(
        engine,
        decoded,
        make_request(
            "a red mine fox",
            model=tiny_xl,
            negative_prompt="a cat",
            seed=7,
            embeddings=(embedding(path, "mine"),),
        ),
    )
    assert_equal(made, expected)


def test_neighbours_with_other_sets_are_left_alone(
    make_engine: MakeEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
    lora: Path,
    other_lora: Path,
) -> None:
    """Their ticks alternate; every picture is that of a run alone."""
    requests = [
        make_request(seed=1),
        make_request(seed=2, loras=(unit(lora),)),
        make_request(seed=3, loras=(unit(other_lora, 0.5),)),
        make_request(seed=4, loras=(unit(lora, -0.5),)),
    ]
    alone_engine = make_engine(min_bucket=2)
    alone = [latents(alone_engine, decoded, request) for request in requests]
    decoded.clear()
    engine = make_engine(min_bucket=2)
    for future in [engine.submit(request) for request in requests]:
        future.result(TIMEOUT)
    for each in alone:
        assert any(torch.equal(each, one) for one in decoded)


def test_the_same_set_shares_a_call(engine: StepEngine, make_request: MakeRequest, lora: Path) -> None:
    requests = [make_request(seed=seed, loras=(unit(lora),), steps=8) for seed in range(2)]
    engine.submit(requests[0]).result(TIMEOUT)
    results = [future.result(TIMEOUT) for future in [engine.submit(request) for request in requests]]
    assert any(2 in result.buckets for result in results)


@pytest.mark.parametrize("field", ["loras", "embeddings", "prompt"])
def test_one_bad_file_fails_one_request(
    field: str,
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
    sdxl: Checkpoint,
    tmp_path: Path,
) -> None:
    good = make_request()
    before = latents(engine, decoded, good)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    wide = saved({"emb_params": torch.ones(2, TEXT_WIDTH + 1)}, tmp_path / "wide.safetensors")
    foreign = saved(lora_tensors(sdxl.unet, kohya()), tmp_path / "xl.safetensors")
    bad = {
        "loras": [make_request(loras=(unit(broken),)), make_request(loras=(unit(foreign),))],
        "embeddings": [make_request("a mine fox", embeddings=(embedding(broken, "mine"),))],
        "prompt": [make_request("a mine fox", embeddings=(embedding(wide, "mine"),))],
    }[field]
    for request in bad:
        future = engine.submit(request)
        with pytest.raises(EngineError) as caught:
            future.result(TIMEOUT)
        assert caught.value.field == field
    assert torch.equal(latents(engine, decoded, good), before)


def test_files_that_are_not_named_are_not_read(
    engine: StepEngine, make_request: MakeRequest, tmp_path: Path
) -> None:
    nowhere = embedding(tmp_path / "nowhere.pt", "unsaid")
    engine.submit(make_request("a red fox", embeddings=(nowhere,))).result(TIMEOUT)
