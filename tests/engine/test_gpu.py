"""On a CUDA device: the same promises as on the CPU, and models of full size with random weights.

Left out where there is none; ``python -m pytest -m gpu tests`` runs them on a machine that has one.
"""

from pathlib import Path
from typing import Any, Final

import diffusers
import numpy as np
import pytest
import torch

from generation.engine.spec import EngineConfig, GenerationRequest, HiresFix, ModelRef
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest
from tests.engine.test_batching import pixels, submit_together
from tests.engine.test_mixed_tasks import eight_tasks
from tests.engine.test_no_trace import FEATURES, asked
from tests.engine.tiny import tiny_tokenizer

pytestmark = pytest.mark.gpu

FULL_SD15: Final[dict[str, Any]] = {
    "sample_size": 64,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "block_out_channels": (320, 640, 1280, 1280),
}
FULL_XL: Final[dict[str, Any]] = {
    "sample_size": 128,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "attention_head_dim": (5, 10, 20),
    "transformer_layers_per_block": (1, 2, 10),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}


@pytest.fixture(params=["fp32", "bf16", "fp16"])
def cuda(request: pytest.FixtureRequest, make_engine: MakeEngine) -> StepEngine:
    return make_engine(device="cuda", precision=request.param, min_bucket=8, max_rows=8)


def test_the_bucket_rule_holds(cuda: StepEngine, make_request: MakeRequest) -> None:
    requests = eight_tasks(make_request)
    mixed = [pixels(future.result(TIMEOUT)) for future in submit_together(cuda, requests)]
    assert mixed == [pixels(cuda.submit(request).result(TIMEOUT)) for request in requests]


def test_pictures_are_those_of_the_cpu(make_engine: MakeEngine, make_request: MakeRequest) -> None:
    engines = [make_engine(device=device, precision="fp32") for device in ("cpu", "cuda")]
    for request in eight_tasks(make_request):
        one, other = (
            np.asarray(engine.submit(request).result(TIMEOUT).images[0], dtype=int) for engine in engines
        )
        assert np.abs(one - other).mean() < 1.0


@pytest.mark.parametrize("preset", [{}, {"storage": "fp8"}, {"offload": "model"}, {"offload": "group"}])
def test_features_leave_no_trace(preset: dict[str, Any], make_engine: MakeEngine) -> None:
    engine = make_engine(device="cuda", min_bucket=2, **preset)
    before = pixels(engine.submit(asked()).result(TIMEOUT))
    for name in FEATURES:
        engine.submit(asked(name)).result(TIMEOUT)
    engine.submit(asked(*FEATURES)).result(TIMEOUT)
    assert pixels(engine.submit(asked()).result(TIMEOUT)) == before


def full_size(root: Path, kind: str, device: str = "cuda") -> Path:
    """A folder of published shapes in fp16, with weights as they are before any training."""
    xl = kind == "sdxl"
    vocabulary = tiny_tokenizer(root / "tokenizer")
    if xl:
        tiny_tokenizer(root / "tokenizer_2", pad="!")
    with torch.random.fork_rng(), torch.device(device):
        torch.manual_seed(0)
        parts = {**_denoiser_and_vae(xl=xl), **_text_encoders(vocabulary, xl=xl)}
    for name, part in parts.items():
        part.half().save_pretrained(root / name)
    classes: Any = diffusers
    scheduler = classes.EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
    )
    scheduler.save_pretrained(root / "scheduler")
    pipeline = "StableDiffusionXLPipeline" if xl else "StableDiffusionPipeline"
    (root / "model_index.json").write_text(f'{{"_class_name": "{pipeline}"}}')
    return root


def _denoiser_and_vae(*, xl: bool) -> dict[str, Any]:
    classes: Any = diffusers
    vae = classes.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        force_upcast=False,
    )
    return {"unet": classes.UNet2DConditionModel(**(FULL_XL if xl else FULL_SD15)), "vae": vae}


def _text_encoders(vocabulary: int, *, xl: bool) -> dict[str, Any]:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    own: dict[str, Any] = {
        "vocab_size": vocabulary,
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
    }
    first = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12, **own
    )
    if not xl:
        return {"text_encoder": CLIPTextModel(first)}
    second = CLIPTextConfig(
        hidden_size=1280, intermediate_size=5120, projection_dim=1280, num_hidden_layers=32,
        num_attention_heads=20, hidden_act="gelu", **own,
    )  # fmt: skip
    return {"text_encoder": CLIPTextModel(first), "text_encoder_2": CLIPTextModelWithProjection(second)}


@pytest.fixture(scope="module", params=["sd15", "sdxl"])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return full_size(tmp_path_factory.mktemp("full") / request.param, request.param)


@pytest.mark.parametrize("side", [512, 1024])
@pytest.mark.parametrize("switches", [{}, {"storage": "fp8", "offload": "model", "vae_tiling": True}])
def test_models_of_full_size_run(published: Path, side: int, switches: dict[str, Any]) -> None:
    engine = StepEngine(EngineConfig(device="cuda", precision="bf16", cache_bytes=40 * 2**30, **switches))
    try:
        request = GenerationRequest(
            checkpoint=ModelRef(path=published), prompt="a red fox", width=side, height=side, steps=4,
            batch_size=2, hires=HiresFix(scale=1.5, strength=0.5) if side == 512 else None,
        )  # fmt: skip
        first = engine.submit(request).result(TIMEOUT)
        wanted = side * 3 // 2 if side == 512 else side
        assert [image.size for image in first.images] == [(wanted, wanted)] * 2
        assert pixels(engine.submit(request).result(TIMEOUT)) == pixels(first)
    finally:
        engine.close()
