"""SDXL checkpoints load offline from both layouts; parts that do not belong together are refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from generation.engine.checkpoints import detect, ldm_layout, load, open_clip
from generation.engine.checkpoints.components import Checkpoint
from generation.engine.checkpoints.families import FAMILIES
from generation.engine.checkpoints.infer import unet_config, vae_config
from generation.engine.checkpoints.info import TokenizerSource
from generation.engine.checkpoints.tokenizer import tokenizer_load
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeRequest
from tests.engine.test_checkpoints import assert_same, refusal, weights
from tests.engine.tiny import open_clip_tensors

PUBLISHED_UNET: dict[str, Any] = {
    "sample_size": 128,
    "block_out_channels": [320, 640, 1280],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 2,
    "transformer_layers_per_block": [1, 2, 10],
    "attention_head_dim": [5, 10, 20],
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "norm_num_groups": 32,
}
PUBLISHED_VAE: dict[str, Any] = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "scaling_factor": 0.13025,
    "force_upcast": True,
    "sample_size": 1024,
}
PUBLISHED_TEXT_2: dict[str, Any] = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "vocab_size": 49408,
    "hidden_act": "gelu",
    "max_position_embeddings": 77,
}


def xl_weights(checkpoint: Any) -> dict[str, torch.Tensor]:
    second = checkpoint.text_encoder_2.state_dict()
    return weights(checkpoint) | {f"text_encoder_2.{name}": value for name, value in second.items()}


@pytest.fixture
def folder(tiny_xl: Path, tmp_path: Path) -> Path:
    """A copy of the tiny folder to damage."""
    return Path(shutil.copytree(tiny_xl, tmp_path / "damaged"))


@pytest.fixture
def file(tiny_xl_file: Path, tmp_path: Path) -> Path:
    """A copy of the tiny single file to damage, its configuration folder beside it."""
    shutil.copytree(tiny_xl_file.with_suffix(".config"), tmp_path / "damaged.config")
    return Path(shutil.copy(tiny_xl_file, tmp_path / "damaged.safetensors"))


def change(config: Path, **entries: Any) -> None:
    config.write_text(json.dumps(json.loads(config.read_text()) | entries))


def test_a_file_and_its_folder_paint_the_same_picture(
    tiny_xl: Path, tiny_xl_file: Path, engine: StepEngine, make_request: MakeRequest
) -> None:
    folder, file = (
        engine.submit(make_request(model=model, negative_prompt="a cat")).result(TIMEOUT)
        for model in (tiny_xl, tiny_xl_file)
    )
    assert folder.images[0].tobytes() == file.images[0].tobytes()


def test_both_layouts_hold_what_diffusers_reads_from_them(tiny_xl: Path, tiny_xl_file: Path) -> None:
    pipeline: Any = StableDiffusionXLPipeline  # which is not typed
    options = {"dtype": torch.float32, "local_files_only": True, "add_watermarker": False}
    from_folder = pipeline.from_pretrained(tiny_xl, **options)
    from_file = pipeline.from_single_file(str(tiny_xl_file), config=str(tiny_xl), **options)
    for path, theirs in ((tiny_xl, from_folder), (tiny_xl_file, from_file)):
        assert_same(xl_weights(load(path, torch.float32)), xl_weights(theirs))


def test_detecting_tells_family_prediction_and_size(tiny_xl: Path, tiny_xl_file: Path, file: Path) -> None:
    for path in (tiny_xl, tiny_xl_file):
        info = detect(path)
        assert (info.family, info.prediction_type, info.native_size) == ("sdxl", "epsilon", 64)
    (file.with_suffix(".config") / "unet/config.json").unlink()
    assert detect(file).native_size == 1024  # what SDXL files mean when they say nothing


def test_marker_tensors_tell_velocity_and_a_schedule_that_ends_in_noise(file: Path) -> None:
    save_file(load_file(file) | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, file)
    config = load(file, torch.float32).scheduler_config
    assert (config["prediction_type"], config["rescale_betas_zero_snr"]) == ("v_prediction", True)
    assert config["timestep_spacing"] == "leading"


def test_the_last_projection_may_lie_the_other_way_round(file: Path, tiny_xl: Path) -> None:
    tensors = load_file(file)
    projection = tensors.pop(f"{open_clip.PREFIX}text_projection")
    tensors[f"{open_clip.PREFIX}text_projection.weight"] = projection.T.contiguous()
    save_file(tensors, file)
    assert_same(xl_weights(load(file, torch.float32)), xl_weights(load(tiny_xl, torch.float32)))


def test_the_published_shapes_give_the_published_configuration() -> None:
    """Full size by shapes alone: no weights are needed to see whether a real file would be understood."""
    classes: Any = diffusers  # which is not typed
    with torch.device("meta"):
        unet = classes.UNet2DConditionModel(**PUBLISHED_UNET)
        vae = classes.AutoencoderKL(**PUBLISHED_VAE)
        text = CLIPTextModelWithProjection(CLIPTextConfig(**PUBLISHED_TEXT_2))
        originals = open_clip_tensors(text.state_dict())
    for module, config, pairs, infer in (
        (unet, PUBLISHED_UNET, ldm_layout.unet_pairs(PUBLISHED_UNET), unet_config),
        (vae, PUBLISHED_VAE, ldm_layout.vae_pairs(PUBLISHED_VAE), lambda shapes: vae_config(shapes, "sdxl")),
    ):
        original = ldm_layout.translator((ours, theirs) for theirs, ours in pairs)
        inferred = infer({original(key): tuple(value.shape) for key, value in module.state_dict().items()})
        assert {key: inferred[key] for key in config} == config
    shapes = {name.removeprefix(open_clip.PREFIX): tuple(tensor.shape) for name, tensor in originals.items()}
    inferred = open_clip.text_config(shapes)
    assert {key: inferred[key] for key in PUBLISHED_TEXT_2} == PUBLISHED_TEXT_2


def test_a_pruned_unet_is_refused_and_not_half_loaded(file: Path) -> None:
    name = "model.diffusion_model.output_blocks.0.1.transformer_blocks.1."
    tensors = {key: value for key, value in load_file(file).items() if not key.startswith(name)}
    save_file(tensors, file)
    error = refusal(file)
    assert (error.code, "deep" in error.message) == ("model_unsupported", True)


def test_the_packaged_vocabulary_pads_the_second_encoder_with_token_0() -> None:
    first, second = (
        tokenizer_load(TokenizerSource(None, pad), vocabulary_size=49408, model=Path("x.safetensors"))
        for pad in (None, 0)
    )
    assert (first.pad, second.pad) == (49407, 0)
    assert first.ids("a photo of a cat") == second.ids("a photo of a cat")


@pytest.mark.parametrize(
    ("dtype", "says", "expected"),
    [
        (torch.float16, True, torch.float32),
        (torch.float16, False, torch.float16),
        (torch.bfloat16, True, torch.bfloat16),
    ],
)
def test_a_vae_that_overflows_in_fp16_is_kept_in_fp32(
    dtype: torch.dtype, says: bool, expected: torch.dtype, folder: Path
) -> None:
    change(folder / "vae/config.json", force_upcast=says)
    checkpoint = load(folder, dtype)
    assert checkpoint.vae.dtype == expected
    assert {checkpoint.unet.dtype, checkpoint.text_encoder_2.dtype} == {dtype}  # type: ignore[union-attr]


def test_previews_are_in_the_familys_colours_unless_the_folder_has_its_own(folder: Path) -> None:
    assert load(folder, torch.float32).preview == FAMILIES["sdxl"].preview
    own = {"latent_rgb_factors": [[0.1, 0.2, 0.3]] * 4}
    (folder / "preview.json").write_text(json.dumps(own))
    assert load(folder, torch.float32).preview == own


def test_the_checkpoint_counts_both_encoders(tiny_xl: Path) -> None:
    checkpoint: Checkpoint = load(tiny_xl, torch.float32)
    floats = [tensor for tensor in xl_weights(checkpoint).values() if tensor.is_floating_point()]
    assert checkpoint.nbytes == sum(tensor.numel() * tensor.element_size() for tensor in floats)


def test_a_folder_of_the_other_family_is_refused(folder: Path, tiny: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(tiny, tmp_path / "other"))
    change(other / "model_index.json", _class_name="StableDiffusionXLPipeline")
    assert "text_encoder_2" in refusal(other).message
    change(folder / "model_index.json", _class_name="StableDiffusionPipeline")
    error = refusal(folder)
    assert (error.code, "width 80" in error.message) == ("model_unsupported", True)


def test_parts_that_do_not_fit_are_refused(folder: Path, tiny: Path) -> None:
    unet = folder / "unet"
    whole = (unet / "config.json").read_text()
    change(unet / "config.json", projection_class_embeddings_input_dim=5 * 8 + 24)
    assert "six" in refusal(folder).message
    (unet / "config.json").write_text(whole)
    change(unet / "config.json", addition_embed_type=None)
    assert refusal(folder).code == "model_unsupported"
    shutil.rmtree(unet)
    shutil.copytree(tiny / "unet", unet)
    assert refusal(folder).code == "model_unsupported"


def test_another_noise_schedule_is_refused(folder: Path) -> None:
    scheduler = folder / "scheduler/scheduler_config.json"
    change(scheduler, _class_name="EDMDPMSolverMultistepScheduler")
    error = refusal(folder)
    assert (error.code, "EDM" in error.message) == ("model_unsupported", True)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("first_stage_model.", "first_stage_model."),
        ("conditioner.embedders.1.", "conditioner.embedders.1."),
        ("model.diffusion_model.", "Stable Diffusion XL"),
    ],
)
def test_a_file_without_a_part_is_refused(missing: str, said: str, file: Path) -> None:
    save_file({k: v for k, v in load_file(file).items() if not k.startswith(missing)}, file)
    error = refusal(file)
    assert (error.code, said in error.message) == ("model_unsupported", True)


@pytest.mark.parametrize(
    "name", ["conditioner.embedders.1.model.text_projection", "conditioner.embedders.1.model.ln_final.bias"]
)
def test_a_missing_tensor_is_refused(name: str, file: Path) -> None:
    save_file({key: value for key, value in load_file(file).items() if key != name}, file)
    assert refusal(file).code == "model_corrupt"


def test_a_truncated_file_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-8])
    assert refusal(file).code == "model_corrupt"
