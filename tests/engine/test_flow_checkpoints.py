"""SD3 and Flux load offline from folders and from single files, with companions where a file lacks parts."""

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers.loaders import single_file_utils
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5EncoderModel

from generation.engine.checkpoints import detect, dit_layout, flow_load, infer_flow, load
from generation.engine.checkpoints.flow import FlowCheckpoint
from generation.engine.checkpoints.info import TokenizerSource
from generation.engine.checkpoints.tokenizer import t5_backend
from generation.engine.errors import EngineError
from tests.engine.test_checkpoints import assert_same
from tests.engine.tiny import stored_tensors
from tests.engine.tiny_flow import (
    FLUX_TRANSFORMER,
    SD3_TRANSFORMER,
    flux_single_file,
    original_transformer,
    original_vae,
    sd3_single_file,
    tiny_flux_folder,
    tiny_sd3_folder,
)

FP32 = torch.float32
COMPONENTS = ("transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3")


def weights(checkpoint: Any) -> dict[str, torch.Tensor]:
    modules = {name: getattr(checkpoint, name, None) for name in COMPONENTS}
    return {
        f"{name}.{key}": value
        for name, module in modules.items()
        if module is not None
        for key, value in module.state_dict().items()
    }


def refusal(path: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        flow_load(path, FP32)
    assert caught.value.hint
    return caught.value


@pytest.fixture(scope="module")
def sd3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sd3_folder(tmp_path_factory.mktemp("models") / "sd3")


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_flux_folder(tmp_path_factory.mktemp("models") / "flux")


@pytest.fixture
def sd3_file(sd3: Path, tmp_path: Path) -> Path:
    return sd3_single_file(sd3, tmp_path / "checkpoints/sd3.safetensors")


@pytest.fixture
def flux_file(flux: Path, tmp_path: Path) -> Path:
    return flux_single_file(flux, tmp_path / "checkpoints/flux.safetensors")


def test_folders_hold_what_diffusers_reads_from_them(sd3: Path, flux: Path) -> None:
    classes: Any = diffusers  # which is not typed
    for path, kind in ((sd3, classes.StableDiffusion3Pipeline), (flux, classes.FluxPipeline)):
        theirs = kind.from_pretrained(path, dtype=FP32, local_files_only=True)
        assert_same(weights(flow_load(path, FP32)), weights(theirs))


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_flux_file_is_its_folder(prefix: str, flux: Path, tmp_path: Path) -> None:
    file = flux_single_file(flux, tmp_path / "flux.safetensors", prefix=prefix)
    ours, folder = flow_load(file, FP32), flow_load(flux, FP32)
    assert_same(weights(ours), weights(folder))
    config = dict(folder.scheduler_config)
    assert {key: config[key] for key in ours.scheduler_config} == dict(ours.scheduler_config)


@pytest.mark.parametrize("bundled", [(), ("clip_l", "clip_g"), ("clip_l", "clip_g", "t5xxl")])
def test_an_sd3_file_is_its_folder(bundled: tuple[str, ...], sd3: Path, tmp_path: Path) -> None:
    file = sd3_single_file(sd3, tmp_path / "sd3.safetensors", bundled=bundled)
    for name in ("text_encoder", "text_encoder_2", "text_encoder_3")[len(bundled) :]:
        shutil.copytree(sd3 / name, file.with_suffix(".config") / name, dirs_exist_ok=True)
    assert_same(weights(flow_load(file, FP32)), weights(flow_load(sd3, FP32)))


def test_sd3_does_without_its_t5(sd3: Path, tmp_path: Path) -> None:
    folder = tiny_sd3_folder(tmp_path / "without", t5=False)
    file = sd3_single_file(sd3, tmp_path / "sd3.safetensors", bundled=("clip_l", "clip_g"))
    for path in (folder, file):
        checkpoint = flow_load(path, FP32)
        assert (checkpoint.text_encoder_3, checkpoint.tokenizer_3) == (None, None)


def test_everything_in_one_flux_file(flux: Path, tmp_path: Path) -> None:
    content = {
        f"model.diffusion_model.{name}": tensor
        for name, tensor in original_transformer(
            dict(stored_tensors(flux / "transformer")), FLUX_TRANSFORMER
        ).items()
    } | original_vae(flux, "vae.")
    for name, component in (("clip_l", "text_encoder"), ("t5xxl", "text_encoder_2")):
        text = "text_model." if name == "clip_l" else ""
        for key, tensor in stored_tensors(flux / component):
            content[f"text_encoders.{name}.transformer.{text}{key}"] = tensor.clone()
    file = flux_single_file(flux, tmp_path / "flux.safetensors")
    for name in ("vae", "text_encoder", "text_encoder_2"):
        shutil.rmtree(file.with_suffix(".config") / name)
    save_file({name: tensor.contiguous() for name, tensor in content.items()}, file)
    assert_same(weights(flow_load(file, FP32)), weights(flow_load(flux, FP32)))


def test_names_are_translated_as_diffusers_does() -> None:
    """Values too: of thin tensors, since diffusers' Flux is always as wide as the published one."""
    originals = original_transformer(SD3_STATE(), SD3_TRANSFORMER)
    translate = dit_layout.transformer_translate(SD3_TRANSFORMER)
    ours = dict(pair for name, tensor in originals.items() for pair in translate(name, tensor))
    assert_same(ours, single_file_utils.convert_sd3_transformer_checkpoint_to_diffusers(dict(originals)))
    thin = {name: torch.randn(shape) for name, shape in thin_flux().items()}
    translate = dit_layout.transformer_translate(THIN_FLUX)
    ours = dict(pair for name, tensor in thin.items() for pair in translate(name, tensor))
    assert_same(ours, single_file_utils.convert_flux_transformer_checkpoint_to_diffusers(dict(thin)))


THIN_FLUX = {"num_layers": 1, "num_single_layers": 1, "num_attention_heads": 24, "attention_head_dim": 128}


def SD3_STATE() -> dict[str, torch.Tensor]:  # noqa: N802 - a constant that needs torch
    classes: Any = diffusers
    state: dict[str, torch.Tensor] = classes.SD3Transformer2DModel(**SD3_TRANSFORMER).state_dict()
    return state


def thin_flux() -> dict[str, tuple[int, ...]]:
    """Shapes of a Flux of one block of each kind, whose matrices take vectors of two."""
    double = {"mod.lin": 6, "attn.qkv": 3, "attn.proj": 1, "mlp.0": 4, "mlp.2": 1}
    rows = {
        f"double_blocks.0.{stream}_{name}": 3072 * factor
        for stream in ("img", "txt")
        for name, factor in double.items()
    }
    rows |= {"single_blocks.0.modulation.lin": 9216, "single_blocks.0.linear2": 3072}
    rows |= {"single_blocks.0.linear1": 3072 * 7, "img_in": 3072, "txt_in": 3072, "final_layer.linear": 64}
    rows |= {"final_layer.adaLN_modulation.1": 6144}
    rows |= {
        f"{part}_in.{layer}_layer": 3072 for part in ("time", "vector", "guidance") for layer in ("in", "out")
    }
    shapes: dict[str, tuple[int, ...]] = {f"{name}.weight": (count, 2) for name, count in rows.items()}
    shapes |= {f"{name}.bias": (count,) for name, count in rows.items()}
    norms = [f"double_blocks.0.{stream}_attn.norm" for stream in ("img", "txt")] + ["single_blocks.0.norm"]
    return shapes | {f"{norm}.{kind}_norm.scale": (128,) for norm in norms for kind in ("query", "key")}


@pytest.mark.parametrize(
    "published",
    [
        {
            "num_layers": 24,
            "num_attention_heads": 24,
            "caption_projection_dim": 1536,
            "pos_embed_max_size": 192,
        },
        {
            "num_layers": 24,
            "num_attention_heads": 24,
            "caption_projection_dim": 1536,
            "pos_embed_max_size": 384,
            "dual_attention_layers": list(range(13)),
            "qk_norm": "rms_norm",
        },
        {
            "num_layers": 38,
            "num_attention_heads": 38,
            "caption_projection_dim": 2432,
            "pos_embed_max_size": 192,
            "qk_norm": "rms_norm",
        },
    ],
    ids=["3 medium", "3.5 medium", "3.5 large"],
)
def test_the_published_sd3_shapes_give_the_published_configuration(published: dict[str, Any]) -> None:
    classes: Any = diffusers
    common = {"attention_head_dim": 64, "joint_attention_dim": 4096, "pooled_projection_dim": 2048}
    with torch.device("meta"):
        state = classes.SD3Transformer2DModel(**published, **common).state_dict()
    shapes = {
        name: tuple(value.shape) for name, value in original_transformer(state, common | published).items()
    }
    inferred = infer_flow.mmdit_config(shapes)
    assert {key: inferred[key] for key in published | common} == published | common
    assert (inferred["patch_size"], inferred["in_channels"], inferred["out_channels"]) == (2, 16, 16)


@pytest.mark.parametrize("guided", [True, False])
def test_the_published_flux_shapes_give_the_published_configuration(guided: bool) -> None:
    classes: Any = diffusers
    with torch.device("meta"):
        module = classes.FluxTransformer2DModel(guidance_embeds=guided)
    shapes = {
        name: tuple(value.shape)
        for name, value in original_transformer(dict(module.state_dict()), module.config).items()
    }
    inferred = infer_flow.flux_config(shapes)
    assert {**module.config, **inferred, "axes_dims_rope": (16, 56, 56), "out_channels": None} == {
        **module.config
    }
    assert inferred["axes_dims_rope"] == [16, 56, 56]
    scheduler = infer_flow.flow_scheduler("flux", inferred)
    assert (scheduler["shift"], scheduler["use_dynamic_shifting"]) == (
        (3.0, True) if guided else (1.0, False)
    )


def test_the_published_t5_shapes_give_the_published_configuration() -> None:
    published: dict[str, Any] = {
        "d_model": 4096,
        "d_kv": 64,
        "d_ff": 10240,
        "num_layers": 24,
        "num_heads": 64,
    }
    with torch.device("meta"):
        module = T5EncoderModel(T5Config(**published, vocab_size=32128, feed_forward_proj="gated-gelu"))
    inferred = infer_flow.t5_config({name: tuple(value.shape) for name, value in module.state_dict().items()})
    assert {key: inferred[key] for key in published} == published
    assert (inferred["vocab_size"], inferred["feed_forward_proj"]) == (32128, "gated-gelu")


def test_companions_are_found_under_their_published_names(
    flux: Path, flux_file: Path, tmp_path: Path
) -> None:
    sidecar = flux_file.with_suffix(".config")
    shared = tmp_path / "text_encoders"
    shared.mkdir()
    for name, place in (
        ("text_encoder", shared / "clip_l.safetensors"),
        ("text_encoder_2", shared / "t5xxl_fp16.safetensors"),
    ):
        save_file({key: tensor.clone() for key, tensor in stored_tensors(flux / name)}, place)
        shutil.rmtree(sidecar / name)
    save_file(original_vae(flux, ""), sidecar / "ae.safetensors")
    shutil.rmtree(sidecar / "vae")
    save_file({"nothing": torch.zeros(1)}, shared / "t5xxl_fp8_e4m3fn.safetensors")  # which comes second
    save_file({"nothing": torch.zeros(1)}, flux_file.parent / "vae.safetensors")  # anybody's
    assert_same(weights(flow_load(flux_file, FP32)), weights(flow_load(flux, FP32)))


def test_missing_parts_are_named_with_their_places(flux_file: Path) -> None:
    for name in ("vae", "text_encoder_2"):
        shutil.rmtree(flux_file.with_suffix(".config") / name)
    error = refusal(flux_file)
    assert error.code == "model_incomplete"
    assert "vae, text_encoder_2" in error.message
    assert "flux.config/vae/" in error.hint
    assert "ae.safetensors" in error.hint
    assert "t5xxl" in error.hint
    assert detect(flux_file).family == "flux"  # it is still known for what it is


def test_a_damaged_companion_is_refused(flux_file: Path) -> None:
    [file] = (flux_file.with_suffix(".config") / "vae").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    assert refusal(flux_file).code == "model_corrupt"


@pytest.mark.parametrize("name", ["double_blocks.1.img_attn.qkv.weight", "single_blocks.0.linear2.bias"])
def test_a_missing_tensor_is_named(name: str, flux_file: Path) -> None:
    save_file({key: value for key, value in load_file(flux_file).items() if key != name}, flux_file)
    error = refusal(flux_file)
    assert error.code == "model_corrupt"
    assert "transformer" in error.message


def test_a_tensor_of_another_shape_is_named(sd3_file: Path) -> None:
    name = "model.diffusion_model.joint_blocks.1.x_block.attn.qkv.weight"
    content = load_file(sd3_file)
    save_file(content | {name: content[name][:-3].clone()}, sd3_file)
    error = refusal(sd3_file)
    assert (error.code, "transformer_blocks.1.attn" in error.message) == ("model_corrupt", True)


def test_parts_of_different_families_are_refused(sd3: Path, flux: Path, flux_file: Path, tiny: Path) -> None:
    sidecar = flux_file.with_suffix(".config")
    for component, other, said in (
        ("text_encoder_2", sd3 / "text_encoder_3", "T5 makes 96"),
        ("vae", tiny / "vae", "VAE reads 4"),
    ):
        shutil.rmtree(sidecar / component)
        shutil.copytree(other, sidecar / component)
        error = refusal(flux_file)
        assert (error.code, said in error.message) == ("model_unsupported", True)
        shutil.rmtree(sidecar / component)
        shutil.copytree(flux / component, sidecar / component)
    assert flow_load(flux_file, FP32).nbytes


@pytest.mark.parametrize(
    "name", ["scaled_fp8", "double_blocks.0.img_mod.lin.scale_weight", "img_in.weight.absmax"]
)
def test_numbers_that_mean_nothing_alone_are_refused(name: str, flux_file: Path) -> None:
    save_file(load_file(flux_file) | {name: torch.zeros(1)}, flux_file)
    error = refusal(flux_file)
    assert (error.code, "fp16" in error.message) == ("model_unsupported", True)


def test_plain_fp8_is_read_like_any_other_dtype(flux_file: Path) -> None:
    content = load_file(flux_file)
    save_file({name: tensor.to(torch.float8_e4m3fn) for name, tensor in content.items()}, flux_file)
    loaded = flow_load(flux_file, FP32).transformer.state_dict()["x_embedder.weight"]
    assert torch.equal(loaded, content["img_in.weight"].to(torch.float8_e4m3fn).float())


def test_half_precision_leaves_out_what_overflows_in_it(flux: Path) -> None:
    checkpoint = flow_load(flux, torch.float16)
    t5 = checkpoint.text_encoder_2.state_dict()
    assert {t5[name].dtype for name in t5 if ".wo." in name} == {torch.float32}
    assert {t5[name].dtype for name in t5 if ".wi_0." in name} == {torch.float16}
    assert checkpoint.transformer.dtype == torch.float16


def test_what_is_known_before_loading(sd3: Path, sd3_file: Path, tmp_path: Path, tiny: Path) -> None:
    for path in (sd3, sd3_file):
        info = detect(path)
        assert (info.family, info.prediction_type, info.native_size) == ("sd3", "flow", 64)
        assert info.exclusive
    fill = detect(tiny_flux_folder(tmp_path / "fill", fill=True))
    assert (fill.family, fill.inpainting, fill.native_size) == ("flux", True, 1024)
    assert not detect(tiny).exclusive


def test_each_loader_refuses_the_others_families(sd3: Path, tiny: Path) -> None:
    assert "Stable Diffusion 1" in refusal(tiny).message
    with pytest.raises(EngineError) as caught:
        load(sd3, FP32)
    assert (caught.value.code, "Stable Diffusion 3" in caught.value.message) == ("model_unsupported", True)


@pytest.mark.parametrize(
    ("component", "change"),
    [
        ("text_encoder_2", {"num_layers": "many"}),
        ("transformer", {"attention_head_dim": -8}),
        ("text_encoder", {"vocab_size": "x"}),
    ],
)
def test_a_senseless_configuration_is_refused(
    component: str, change: dict[str, Any], flux: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(flux, tmp_path / "damaged"))
    config = folder / component / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    assert refusal(folder).code in {"model_corrupt", "model_unsupported"}


def test_the_packaged_pieces_are_t5s() -> None:
    tokenizer = t5_backend(TokenizerSource(None), vocabulary_size=32128, model=Path("model.safetensors"))
    assert tokenizer("a photo of a cat")["input_ids"] == [3, 9, 1202, 13, 3, 9, 1712, 1]
    padded = tokenizer(["a cat"], padding="max_length", max_length=6, truncation=True)["input_ids"]
    assert padded == [[3, 9, 1712, 1, 0, 0]]


def test_another_vocabulary_needs_its_tokenizer(flux: Path, flux_file: Path) -> None:
    folder = flux_file.with_suffix(".config") / "tokenizer_2"
    (folder / "tokenizer.json").write_text("{")
    assert refusal(flux_file).code == "model_corrupt"
    shutil.rmtree(folder)
    error = refusal(flux_file)
    assert (error.code, "tokenizer.json" in error.hint) == ("tokenizer_missing", True)


def test_the_checkpoint_counts_every_module(flux: Path) -> None:
    checkpoint: FlowCheckpoint = flow_load(flux, FP32)
    parameters = {
        id(each): each.numel() * 4
        for name in COMPONENTS
        if (module := getattr(checkpoint, name, None))
        for each in module.parameters()
    }
    assert checkpoint.nbytes == sum(parameters.values())
