"""Both layouts load offline and alike; what is not a usable checkpoint is refused with a remedy."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from generation.engine.checkpoints import detect, ldm_layout, load
from generation.engine.checkpoints.components import Checkpoint
from generation.engine.checkpoints.infer import text_config, unet_config, vae_config
from generation.engine.checkpoints.info import TokenizerSource
from generation.engine.checkpoints.tokenizer import tokenizer_load
from generation.engine.errors import EngineError
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeRequest
from tests.engine.tiny import tiny_folder, tiny_single_file


def weights(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    parts = {"unet": checkpoint.unet, "vae": checkpoint.vae, "text_encoder": checkpoint.text_encoder}
    return {
        f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()
    }


def assert_same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def refusal(path: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        load(path, torch.float32)
    assert caught.value.hint
    return caught.value


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny folder to damage."""
    return Path(shutil.copytree(tiny, tmp_path / "damaged"))


@pytest.fixture
def file(tiny_file: Path, tmp_path: Path) -> Path:
    """A copy of the tiny single file to damage, its configuration folder beside it."""
    shutil.copytree(tiny_file.with_suffix(".config"), tmp_path / "damaged.config")
    return Path(shutil.copy(tiny_file, tmp_path / "damaged.safetensors"))


def test_a_file_and_its_folder_paint_the_same_picture(
    tiny: Path, tiny_file: Path, engine: StepEngine, make_request: MakeRequest
) -> None:
    results = [engine.submit(make_request(model=model)).result(TIMEOUT) for model in (tiny, tiny_file)]
    assert results[0].images[0].tobytes() == results[1].images[0].tobytes()


def test_both_layouts_hold_what_diffusers_reads_from_them(tiny: Path, tiny_file: Path) -> None:
    pipeline: Any = StableDiffusionPipeline  # which is not typed
    from_folder = pipeline.from_pretrained(tiny, dtype=torch.float32, local_files_only=True)
    from_file = pipeline.from_single_file(
        str(tiny_file), config=str(tiny), local_files_only=True, dtype=torch.float32, safety_checker=None
    )
    for path, theirs in ((tiny, from_folder), (tiny_file, from_file)):
        assert_same(weights(load(path, torch.float32)), weights(theirs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_weight_has_the_dtype_asked_for(dtype: torch.dtype, tiny: Path) -> None:
    checkpoint = load(tiny, dtype)
    floats = [tensor for tensor in weights(checkpoint).values() if tensor.is_floating_point()]
    assert {tensor.dtype for tensor in floats} == {dtype}
    assert checkpoint.nbytes == sum(tensor.numel() * tensor.element_size() for tensor in floats)
    assert not any(parameter.requires_grad for parameter in checkpoint.unet.parameters())


def test_detecting_tells_family_prediction_and_size(tiny: Path, tiny_file: Path, tiny_other: Path) -> None:
    info = detect(tiny)
    assert (info.family, info.prediction_type, info.native_size) == ("sd15", "epsilon", 64)
    assert detect(tiny_other).prediction_type == "v_prediction"
    assert detect(tiny_file).native_size == 512  # what SD1.x files mean when they say nothing


def test_a_file_may_say_more_in_its_metadata(file: Path) -> None:
    said = {"modelspec.prediction_type": "v", "modelspec.resolution": "768x768"}
    save_file(load_file(file), file, metadata=said)
    info = detect(file)
    assert (info.prediction_type, info.native_size) == ("v_prediction", 768)


def test_a_configuration_beside_the_file_wins(file: Path) -> None:
    scheduler = file.with_suffix(".config") / "scheduler/scheduler_config.json"
    scheduler.parent.mkdir()
    scheduler.write_text(json.dumps({"prediction_type": "v_prediction", "clip_sample": False}))
    preview = {"latent_rgb_factors": [[0.1, 0.2, 0.3]] * 4}
    (file.with_suffix(".config") / "preview.json").write_text(json.dumps(preview))
    checkpoint = load(file, torch.float32)
    assert checkpoint.info.prediction_type == checkpoint.scheduler_config["prediction_type"] == "v_prediction"
    assert checkpoint.scheduler_config["beta_schedule"] == "scaled_linear"
    assert checkpoint.preview == preview


def test_an_old_folder_with_older_names_loads(tiny: Path, folder: Path) -> None:
    """As published for SD1.5: ``text_model.`` in front, the VAE's attention under its first names, fp16."""
    text = folder / "text_encoder/model.safetensors"
    save_file({f"text_model.{name}": tensor for name, tensor in load_file(text).items()}, text)
    vae = folder / "vae/diffusion_pytorch_model.safetensors"
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    renamed = {}
    for name, tensor in load_file(vae).items():
        for new_name, old_name in old.items():
            name = name.replace(f".{new_name}.", f".{old_name}.")  # noqa: PLW2901
        renamed[name] = tensor
    vae.unlink()
    save_file(renamed, vae.with_suffix(".fp16.safetensors"))
    assert_same(weights(load(folder, torch.float32)), weights(load(tiny, torch.float32)))


def test_sharded_weights_load(tiny: Path, folder: Path) -> None:
    whole = folder / "unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(whole)
    names = sorted(tensors)
    index: dict[str, str] = {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        shard = f"diffusion_pytorch_model-0000{number}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, whole.with_name(shard))
        index |= dict.fromkeys(part, shard)
    whole.unlink()
    listing = folder / "unet/diffusion_pytorch_model.safetensors.index.json"
    listing.write_text(json.dumps({"weight_map": index}))
    assert_same(weights(load(folder, torch.float32)), weights(load(tiny, torch.float32)))
    listing.write_text(json.dumps({"weight_map": {"x": "../../elsewhere.safetensors"}}))
    assert refusal(folder).code == "model_corrupt"


def test_the_published_sd15_shapes_give_its_published_configuration() -> None:
    """Full size by shapes alone: no weights are needed to see whether a real file would be understood."""
    unet = {
        "block_out_channels": [320, 640, 1280, 1280],
        "cross_attention_dim": 768,
        "layers_per_block": 2,
        "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
        "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
        "attention_head_dim": 8,
        "norm_num_groups": 32,
        "sample_size": 64,
    }
    vae = {
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "layers_per_block": 2,
        "norm_num_groups": 32,
        "scaling_factor": 0.18215,
    }
    classes: Any = diffusers  # which is not typed
    with torch.device("meta"):
        modules: dict[str, Any] = {
            "unet": classes.UNet2DConditionModel(**unet),
            "vae": classes.AutoencoderKL(**vae),
        }
    for name, config, pairs, infer in (
        ("unet", unet, ldm_layout.unet_pairs(unet), unet_config),
        ("vae", vae, ldm_layout.vae_pairs(vae), vae_config),
    ):
        original = ldm_layout.translator((ours, theirs) for theirs, ours in pairs)
        shapes = {original(key): tuple(value.shape) for key, value in modules[name].state_dict().items()}
        assert len(shapes) == len(modules[name].state_dict())
        inferred = infer(shapes)
        assert {key: inferred[key] for key in config} == config


def test_text_shapes_give_clip_large() -> None:
    shapes = {f"encoder.layers.{layer}.mlp.fc1.weight": (3072, 768) for layer in range(12)} | {
        "embeddings.token_embedding.weight": (49408, 768),
        "embeddings.position_embedding.weight": (77, 768),
    }
    config = text_config(shapes)
    assert (config["num_hidden_layers"], config["num_attention_heads"]) == (12, 12)
    assert (config["bos_token_id"], config["eos_token_id"]) == (49406, 49407)


def test_the_packaged_vocabulary_is_clips() -> None:
    tokenizer = tokenizer_load(TokenizerSource(None), vocabulary_size=49408, model=Path("model.safetensors"))
    assert tokenizer.ids("a photo of a cat") == [320, 1125, 539, 320, 2368]
    assert (tokenizer.bos, tokenizer.eos, tokenizer.pad, tokenizer.comma) == (49406, 49407, 49407, 267)


def test_a_file_with_another_vocabulary_needs_its_tokenizer(file: Path) -> None:
    shutil.rmtree(file.with_suffix(".config"))
    error = refusal(file)
    assert error.code == "tokenizer_missing"
    assert "damaged.config/tokenizer" in error.hint


@pytest.mark.parametrize("size", [0, 4, 100, 5000, -1])
def test_a_truncated_file_is_refused(size: int, file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:size])
    assert refusal(file).code == "model_corrupt"


def test_a_file_with_something_appended_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"more")
    assert refusal(file).code == "model_corrupt"


def test_truncated_weights_in_a_folder_are_refused(folder: Path) -> None:
    weights_file = folder / "vae/diffusion_pytorch_model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:-1])
    assert refusal(folder).code == "model_corrupt"


@pytest.mark.parametrize(
    "header", [b"[]", b"{", b'{"a": 1}', b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}']
)
def test_a_senseless_header_is_refused(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert refusal(path).code in {"model_corrupt", "model_unsupported"}


@pytest.mark.parametrize("name", ["model.ckpt", "model.pt", "model.safetensors"])
def test_a_pickle_is_refused_under_any_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"state_dict": {}}))
    assert refusal(path).code == "model_unsafe"


def test_a_torch_archive_under_a_false_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    torch.save({"weight": torch.zeros(4)}, path)
    assert refusal(path).code == "model_unsafe"


def test_a_folder_of_pickles_is_refused(folder: Path) -> None:
    weights_file = folder / "unet/diffusion_pytorch_model.safetensors"
    weights_file.rename(weights_file.with_suffix(".bin"))
    assert refusal(folder).code == "model_unsafe"


def test_a_missing_tensor_is_named(file: Path) -> None:
    tensors = load_file(file)
    del tensors["model.diffusion_model.out.2.bias"]
    save_file(tensors, file)
    error = refusal(file)
    assert error.code == "model_corrupt"
    assert "conv_out.bias" in error.message


def test_a_missing_component_file_is_refused(folder: Path) -> None:
    (folder / "vae/config.json").unlink()
    assert refusal(folder).code == "model_corrupt"


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"block_out_channels": "wide"}', '{"in_channels": 4, "block_out_channels": [7]}']
)
def test_a_senseless_configuration_is_refused(content: str, folder: Path) -> None:
    (folder / "unet/config.json").write_text(content)
    assert refusal(folder).code in {"model_corrupt", "model_unsupported"}


def test_an_editing_model_is_refused_by_its_channels(folder: Path) -> None:
    path = folder / "unet/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"in_channels": 8}))
    error = refusal(folder)
    assert error.code == "model_unsupported"
    assert "8" in error.message


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("conditioner.embedders.0.transformer.text_model.embeddings.position_ids", "XL"),
        ("cond_stage_model.model.ln_final.weight", "2.x"),
        ("lora_unet_mid_block.lora_up.weight", "LoRA"),
        ("control_model.zero_convs.0.0.weight", "ControlNet"),
        ("decoder.conv_in.weight", "VAE"),
        ("something.weight", "not a whole checkpoint"),
    ],
)
def test_another_kind_of_file_is_refused_by_name(key: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({key: torch.zeros(2)}, path)
    error = refusal(path)
    assert error.code == "model_unsupported"
    assert said in error.message


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [("StableDiffusion3Pipeline", "Diffusion 3"), ("FluxPipeline", "Flux"), ("Other", "unknown")],
)
def test_another_kind_of_folder_is_refused_by_name(pipeline: str, said: str, folder: Path) -> None:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    error = refusal(folder)
    assert error.code == "model_unsupported"
    assert said in error.message


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).code == "model_unsupported"
    assert refusal(tmp_path / "nothing").code == "model_missing"


def test_the_same_seed_builds_the_same_checkpoint(tiny: Path, tmp_path: Path) -> None:
    again = tiny_folder(tmp_path / "again")
    assert_same(weights(load(again, torch.float32)), weights(load(tiny, torch.float32)))
    assert tiny_single_file(again, tmp_path / "again.safetensors").is_file()
