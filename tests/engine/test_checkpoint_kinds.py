"""SDXL's refiner, inpainting models, SD2.x in one file, pruned and half-precision files, lone VAEs."""

import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModelWithProjection

from generation.engine.checkpoints import detect, ldm_layout, load, vae_load
from generation.engine.checkpoints.infer import unet_config
from generation.engine.errors import EngineError
from tests.engine.test_checkpoints import assert_same, refusal
from tests.engine.tiny import TEXT_WIDTH, stored_tensors, tiny_single_file
from tests.engine.tiny_flow import FLUX_VAE, original_vae, tiny_flux_folder
from tests.engine.tiny_kinds import (
    INPAINTING_UNET,
    REFINER_UNET,
    SD2_TEXT,
    refiner_single_file,
    tiny_refiner_folder,
    tiny_sd2_file,
    to_inpainting,
)

FP32 = torch.float32
CLASSES: Any = diffusers  # which is not typed


def weights(module: Any) -> dict[str, torch.Tensor]:
    return dict(module.state_dict())


@pytest.fixture(scope="module")
def refiner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_refiner_folder(tmp_path_factory.mktemp("models") / "refiner")


def test_the_refiner_loads_from_both_layouts(refiner: Path, tmp_path: Path) -> None:
    file = refiner_single_file(refiner, tmp_path / "refiner.safetensors")
    theirs = CLASSES.StableDiffusionXLImg2ImgPipeline.from_pretrained(
        refiner, dtype=FP32, local_files_only=True, add_watermarker=False
    )
    for path in (refiner, file):
        info = detect(path)
        assert (info.family, info.refiner, info.inpainting, info.native_size) == ("sdxl", True, False, 64)
        checkpoint = load(path, FP32)
        assert (checkpoint.text_encoder, checkpoint.tokenizer) == (None, None)
        assert (checkpoint.time_ids_kind, checkpoint.is_xl) == ("aesthetic", True)
        assert not checkpoint.zeros_for_empty_negative
        [(encoder, tokenizer)] = checkpoint.text_towers
        assert tokenizer.pad == theirs.tokenizer_2.pad_token_id
        assert_same(weights(encoder), weights(theirs.text_encoder_2))
        assert_same(weights(checkpoint.unet), weights(theirs.unet))


def test_the_published_refiners_shapes_give_its_configuration() -> None:
    published = {
        "block_out_channels": [384, 768, 1536, 1536],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "attention_head_dim": [6, 12, 24, 24],
        "cross_attention_dim": 1280,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2560,
        "sample_size": 128,
    }
    with torch.device("meta"):
        state = CLASSES.UNet2DConditionModel(**published, transformer_layers_per_block=4).state_dict()
    pairs = ldm_layout.unet_pairs({**published, "layers_per_block": 2})
    original = ldm_layout.translator((ours, theirs) for theirs, ours in pairs)
    inferred = unet_config({original(name): tuple(value.shape) for name, value in state.items()})
    assert {key: inferred[key] for key in published} == published
    assert inferred["transformer_layers_per_block"][1:] == [4, 4, 4]


def test_a_refiner_with_a_base_models_sizes_is_refused(refiner: Path, tiny_xl: Path, tmp_path: Path) -> None:
    mixed = Path(shutil.copytree(refiner, tmp_path / "mixed"))
    config = (refiner / "unet/config.json").read_text()
    embedded = REFINER_UNET["projection_class_embeddings_input_dim"]
    (mixed / "unet/config.json").write_text(config.replace(f": {embedded}", f": {embedded + 8}"))
    assert "five" in refusal(mixed).message
    assert load(tiny_xl, FP32).time_ids_kind == "sizes"


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_inpainting_models_load(family: str, tiny: Path, tiny_xl: Path, tmp_path: Path) -> None:
    folder = to_inpainting(tiny if family == "sd15" else tiny_xl, tmp_path / "inpainting")
    info = detect(folder)
    assert (info.family, info.inpainting) == (family, True)
    checkpoint = load(folder, FP32)
    assert (checkpoint.unet.config["in_channels"], checkpoint.latent_channels) == (9, 4)
    assert not detect(tiny).inpainting


def test_an_inpainting_file_is_its_folder(tiny: Path, tmp_path: Path) -> None:
    folder = to_inpainting(tiny, tmp_path / "inpainting")
    assert INPAINTING_UNET["in_channels"] == 9
    file = tiny_single_file(folder, tmp_path / "inpainting.safetensors")
    assert detect(file).inpainting
    assert_same(weights(load(file, FP32).unet), weights(load(folder, FP32).unet))


def test_sd2_reads_the_last_layer_but_one(tmp_path: Path) -> None:
    file = tiny_sd2_file(tmp_path / "sd2.safetensors")
    info = detect(file)
    assert (info.family, info.prediction_type, info.native_size) == ("sd2", "v_prediction", 768)
    checkpoint = load(file, FP32)
    whole = CLIPTextModelWithProjection.from_pretrained(tmp_path / "sd2.parts/text").eval()
    ids = torch.tensor([[checkpoint.text_towers[0][1].bos, 5, 7, checkpoint.text_towers[0][1].eos]])
    with torch.inference_mode():
        ours = checkpoint.text_towers[0][0](ids).last_hidden_state
        theirs = whole(ids, output_hidden_states=True).hidden_states[-2]
        theirs = whole.text_model.final_layer_norm(theirs)
    assert ours.shape[-1] == TEXT_WIDTH
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert checkpoint.text_towers[0][0].config.num_hidden_layers == SD2_TEXT["num_hidden_layers"] - 1


def test_what_a_file_says_of_its_prediction_goes_before_the_familys_habit(tmp_path: Path) -> None:
    file = tiny_sd2_file(tmp_path / "sd2.safetensors")
    save_file(load_file(file), file, metadata={"modelspec.prediction_type": "epsilon"})
    assert detect(file).prediction_type == "epsilon"


def test_averages_and_half_precision_in_a_file_make_no_difference(tiny_file: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_file.with_suffix(".config"), tmp_path / "pruned-fp16.config")
    file = tmp_path / "pruned-fp16.safetensors"
    content = {name: tensor.half() for name, tensor in load_file(tiny_file).items()}
    leftovers = {
        "model_ema.decay": torch.zeros(()),
        "model_ema.diffusion_modelinput_blocks00weight": torch.ones(3),
    }
    save_file(content | leftovers, file)
    loaded, whole = (weights(load(path, torch.float16).unet) for path in (file, tiny_file))
    assert_same(loaded, whole)


def test_a_folder_of_half_precision_alone_loads(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "half"))
    for file in folder.glob("*/*.safetensors"):
        save_file({name: tensor.half() for name, tensor in load_file(file).items()}, file)
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    names = sorted(stored_tensors(folder / "unet"))
    shards = {name: f"d.fp16-0000{1 + i % 2}-of-00002.safetensors" for i, (name, _) in enumerate(names)}
    [whole] = (folder / "unet").glob("*.safetensors")
    for shard in set(shards.values()):
        save_file({name: tensor for name, tensor in names if shards[name] == shard}, folder / "unet" / shard)
    whole.unlink()
    index = '{"weight_map": ' + str(shards).replace("'", '"') + "}"
    (folder / "unet/d.safetensors.index.fp16.json").write_text(index)
    assert_same(weights(load(folder, torch.float16).unet), weights(load(tiny, torch.float16).unet))


def vae_files(tiny: Path, root: Path) -> dict[str, Path]:
    named = dict(stored_tensors(tiny / "vae"))
    layouts = {
        "original": original_vae(tiny, ""),
        "prefixed": original_vae(tiny, ldm_layout.VAE_PREFIX),
        "diffusers": named,
    }
    for name, content in layouts.items():
        save_file({key: tensor.contiguous() for key, tensor in content.items()}, root / f"{name}.safetensors")
    return {name: root / f"{name}.safetensors" for name in layouts}


def test_a_vae_loads_from_every_layout(tiny: Path, tiny_file: Path, tmp_path: Path) -> None:
    expected = weights(load(tiny, FP32).vae)
    places = {"folder": tiny / "vae", "checkpoint": tiny, "file": tiny_file, **vae_files(tiny, tmp_path)}
    for path in places.values():
        loaded = vae_load(path, "sd15", FP32)
        assert_same(weights(loaded.vae), expected)
        assert loaded.vae.config["scaling_factor"] == 0.18215
    assert loaded.nbytes == sum(value.numel() * 4 for value in expected.values())
    assert loaded.to(torch.device("cpu")) is loaded


def test_a_vae_file_is_scaled_as_its_family_is(tmp_path: Path, tiny_xl: Path) -> None:
    flux = tiny_flux_folder(tmp_path / "flux")
    save_file(original_vae(flux, ""), tmp_path / "ae.safetensors")
    config = vae_load(tmp_path / "ae.safetensors", "flux", FP32).vae.config
    told = ("scaling_factor", "shift_factor", "latent_channels", "use_quant_conv")
    assert {key: config[key] for key in told} == {key: FLUX_VAE[key] for key in told}
    assert vae_load(tiny_xl / "vae", "sdxl", torch.float16).vae.dtype == FP32  # it overflows


def test_what_is_no_vae_is_refused_with_its_field(tiny: Path, tmp_path: Path) -> None:
    [unet] = (tiny / "unet").glob("*.safetensors")
    half = tmp_path / "half.safetensors"
    save_file({k: v for k, v in original_vae(tiny, "").items() if k.startswith("decoder.")}, half)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(half.read_bytes()[:-1])
    pickle = tmp_path / "vae.pt"
    pickle.write_bytes(b"\x80\x04.")
    for path, code in (
        (unet, "model_unsupported"),
        (half, "model_unsupported"),
        (broken, "model_corrupt"),
        (pickle, "model_unsafe"),
        (tiny / "unet", "model_unsupported"),
        (tmp_path / "nothing", "model_missing"),
    ):
        with pytest.raises(EngineError) as caught:
            vae_load(path, "sd15", FP32)
        assert (caught.value.code, caught.value.field) == (code, "vae")


def test_a_vae_of_other_latents_does_not_fit(tiny: Path) -> None:
    loaded = vae_load(tiny, "sd15", FP32)
    loaded.require_fit(4)
    with pytest.raises(EngineError) as caught:
        loaded.require_fit(16)
    assert (caught.value.code, caught.value.field) == ("model_unsupported", "vae")
