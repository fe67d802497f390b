"""Kinds of models beyond checkpoints: how files and folders of each are told, and which are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from models_hub.inspection import file_inspect, folder_inspect
from models_hub.models import ModelFile
from sdweb.errors import PortalError
from tests.models_hub import making
from tests.models_hub.making import Shapes, network_write, raw_write, safetensors_write

Kind = ModelFile.Kind
Family = ModelFile.Family

DOWN = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
ATTENTION = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
RRDB = {"conv_first.weight": (8, 3, 3, 3), "body.0.rdb1.conv1.weight": (4, 8, 3, 3)}


@pytest.mark.parametrize(
    ("shapes", "kind", "family"),
    [
        ({DOWN: (4, 2048)}, Kind.LORA, Family.SDXL),
        ({DOWN: (4, 1024)}, Kind.LORA, Family.SD2),
        ({**making.CONTROLNET, ATTENTION: (8, 1024)}, Kind.CONTROLNET, Family.SD2),
        ({"emb_params": (1, 1024)}, Kind.EMBEDDING, Family.SD2),
        ({"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 8)}, Kind.LORA, Family.SDXL),
        ({"lora_unet_input_blocks_4_1_proj_in.lora_down.weight": (4, 8)}, Kind.LORA, Family.SDXL),
        ({"lora_unet_joint_blocks_0_x_block_mlp_fc1.lora_down.weight": (4, 8)}, Kind.LORA, Family.SD3),
        ({"transformer.single_transformer_blocks.0.proj_out.lora_A.weight": (4, 8)}, Kind.LORA, Family.FLUX),
        ({"unet.mid_block.attentions.0.attn2.to_k.lora.down.weight": (4, 768)}, Kind.LORA, Family.SD15),
        ({"lora_unet_mid_block_attn2_to_k.hada_w1_b": (4, 768), "lora_unet_x.hada_w1_a": (8, 4)},
         Kind.LORA, Family.SD15),
        ({"lycoris_unet_mid_block_resnets_0_conv1.lokr_w1": (4, 4)}, Kind.LORA, Family.UNKNOWN),
        (making.LORA_TINY, Kind.LORA, Family.UNKNOWN),
        ({**making.CONTROLNET, ATTENTION: (8, 768)}, Kind.CONTROLNET, Family.SD15),
        ({**making.CONTROLNET, ATTENTION: (8, 2048)}, Kind.CONTROLNET, Family.SDXL),
        ({**making.CONTROLNET, "add_embedding.linear_1.weight": (8, 8)}, Kind.CONTROLNET, Family.SDXL),
        ({"control_model.input_hint_block.0.weight": (16, 3, 3, 3),
          "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (8, 768)},
         Kind.CONTROLNET, Family.SD15),
        (making.T2I_FULL, Kind.CONTROLNET, Family.SD15),
        ({**making.T2I_FULL, "adapter.conv_in.weight": (320, 64, 3, 3)}, Kind.CONTROLNET, Family.SD15),
        ({**making.T2I_FULL, "adapter.conv_in.weight": (320, 768, 3, 3)}, Kind.CONTROLNET, Family.SDXL),
        ({**making.T2I_FULL, "adapter.conv_in.weight": (64, 192, 3, 3)}, Kind.CONTROLNET, Family.UNKNOWN),
        ({"conv_in.weight": (320, 256, 3, 3), "body.0.block1.weight": (320, 320, 3, 3)}, Kind.CONTROLNET,
         Family.SDXL),
        (making.T2I_LIGHT, Kind.CONTROLNET, Family.SD15),
        (making.GFPGAN, Kind.FACE_RESTORER, Family.UNKNOWN),
        (making.CODEFORMER, Kind.FACE_RESTORER, Family.UNKNOWN),
        (making.IP_ADAPTER, Kind.IP_ADAPTER, Family.SD15),
        ({**making.IP_ADAPTER, "ip_adapter.1.to_k_ip.weight": (64, 2048)}, Kind.IP_ADAPTER, Family.SDXL),
        ({**making.IP_ADAPTER, "ip_adapter.1.to_k_ip.weight": (64, 128)}, Kind.IP_ADAPTER, Family.UNKNOWN),
        ({"clip_l": (2, 768), "clip_g": (2, 1280)}, Kind.EMBEDDING, Family.SDXL),
        ({"<cat-toy>": (768,)}, Kind.EMBEDDING, Family.SD15),
        ({"emb_params": (1, 32)}, Kind.EMBEDDING, Family.UNKNOWN),
        (making.COMPACT_X2, Kind.UPSCALER, Family.UNKNOWN),
        (RRDB, Kind.UPSCALER, Family.UNKNOWN),
        ({"conv_first.weight": (8, 3, 3, 3), "RRDB_trunk.0.RDB1.conv1.weight": (4, 8, 3, 3)},
         Kind.UPSCALER, Family.UNKNOWN),
    ],
)  # fmt: skip
def test_it_recognises(tmp_path: Path, shapes: Shapes, kind: Kind, family: Family) -> None:
    found = file_inspect(safetensors_write(tmp_path / "x.safetensors", shapes))
    assert (found.kind, found.family) == (kind, family)


@pytest.mark.parametrize(
    ("shapes", "code", "reason"),
    [
        ({**making.LORA_TINY, DOWN: (8, 128)}, "broken_file", "does not fit its other half"),
        ({**making.LORA_TINY, DOWN: (4,)}, "broken_file", "does not fit its other half"),
        ({"controlnet_cond_embedding.conv_in.weight": (16, 1, 3, 3)}, "broken_file", "three colours"),
        ({"controlnet_cond_embedding.conv_in.weight": (16,)}, "broken_file", "three colours"),
        ({**making.T2I_FULL, "adapter.conv_in.weight": (320,)}, "broken_file", "does not take pictures"),
        ({**making.GFPGAN, "conv_body_first.weight": (8, 1, 1, 1)}, "broken_file", "three colours"),
        ({**making.CODEFORMER, "encoder.blocks.0.weight": (8,)}, "broken_file", "three colours"),
        ({"image_proj.proj.weight": (64, 32)}, "unknown_model_type", "no image attention"),
        ({"ip_adapter.1.to_k_ip.weight": (64, 768)}, "unknown_model_type", "no image projection"),
        ({"image_proj.x": (4,), "ip_adapter.y": (4,)}, "unknown_model_type", "no keys for the picture"),
        ({"emb_params": (76, 768)}, "broken_file", "between 1 and 75 vectors"),
        ({"emb_params": ()}, "broken_file", "between 1 and 75 vectors"),
        ({"emb_params": (1, 2, 768)}, "broken_file", "between 1 and 75 vectors"),
        ({**RRDB, "conv_first.weight": (8, 1, 3, 3)}, "broken_file", "three colours"),
        ({**RRDB, "conv_first.weight": (8,)}, "broken_file", "three colours"),
        ({**making.COMPACT_X2, "body.2.weight": (13, 8, 3, 3)}, "broken_file", "does not give larger"),
        ({**making.COMPACT_X2, "body.2.weight": (0, 8, 3, 3)}, "broken_file", "does not give larger"),
        ({**making.COMPACT_X2, "body.1.weight": (8, 8, 3, 3)}, "unknown_model_type", "no kind of model"),
        ({**making.COMPACT_X2, "head.weight": (4,)}, "unknown_model_type", "no kind of model"),
        ({f"body.{'9' * 5000}.weight": (4,)}, "unknown_model_type", "no kind of model"),
    ],
)  # fmt: skip
def test_it_says_why_not(tmp_path: Path, shapes: Shapes, code: str, reason: str) -> None:
    with pytest.raises(PortalError, match=reason) as caught:
        file_inspect(safetensors_write(tmp_path / "x.safetensors", shapes))
    assert caught.value.code == code
    assert len(caught.value.message) < 300


# --- What files say about themselves
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "family"),
    [
        ({"modelspec.architecture": "stable-diffusion-v1/lora"}, Family.SD15),
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, Family.SDXL),
        ({"ss_base_model_version": "sd_v1"}, Family.SD15),
        ({"ss_base_model_version": "sd_v2_v"}, Family.SD2),
        ({"ss_base_model_version": "sdxl_base_v1-0"}, Family.SDXL),
        ({"modelspec.architecture": "flux-1-dev/lora", "ss_base_model_version": "sd_v1"}, Family.FLUX),
        ({"modelspec.architecture": "something else"}, Family.UNKNOWN),
        ({}, Family.UNKNOWN),
    ],
)
def test_where_shapes_do_not_tell_the_family_words_do(
    tmp_path: Path, metadata: dict[str, str], family: Family
) -> None:
    path = safetensors_write(tmp_path / "x.safetensors", making.LORA_TINY, metadata=metadata)
    assert file_inspect(path).family == family


def test_words_do_not_overrule_shapes(tmp_path: Path) -> None:
    lies = {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}
    path = safetensors_write(tmp_path / "x.safetensors", making.LORA_SD15, metadata=lies)
    assert file_inspect(path).family == Family.SD15


TAGS = {"10_art": {"line art": 40, "white background": 40, "apple": 3}, "1_more": {"line art": 2}}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"modelspec.trigger_phrase": "line art, ink ,, line art"}, ("line art", "ink")),
        ({"ss_tag_frequency": json.dumps(TAGS)}, ("line art", "white background")),
        ({"modelspec.trigger_phrase": "ink", "ss_tag_frequency": json.dumps(TAGS)}, ("ink",)),
        ({"ss_tag_frequency": json.dumps({"a": {str(number): 1 for number in range(50)}})}, ()),
        ({"modelspec.trigger_phrase": ",".join("abcdefghijkl")}, tuple("abcdefgh")),
        ({"modelspec.trigger_phrase": "\x00a\u202eb\n\ud800c"}, ("a b c",)),
        ({"modelspec.trigger_phrase": "x" * 100_000}, ("x" * 100,)),
        ({"modelspec.trigger_phrase": " , ,\u200b"}, ()),
        ({"ss_tag_frequency": "{" * 5000}, ()),
        ({"ss_tag_frequency": "[" * 100_000}, ()),
        ({"ss_tag_frequency": "[]"}, ()),
        ({"ss_tag_frequency": '{"a": [1]}'}, ()),
        ({"ss_tag_frequency": '{"a": {"b": true, "c": "9", "d": -1, "e": 1e999, "f": null}}'}, ()),
        ({"ss_tag_frequency": '{"a": {"b": ' + "9" * 10_000 + "}}"}, ()),
        ({"ss_tag_frequency": json.dumps({"a": {"x": 5}, "padding": "y" * 2**20})}, ()),
    ],
)
def test_trigger_words_are_read_and_bounded(
    tmp_path: Path, metadata: dict[str, str], words: tuple[str, ...]
) -> None:
    path = safetensors_write(tmp_path / "x.safetensors", making.LORA_TINY, metadata=metadata)
    assert file_inspect(path).trigger_words == words


def test_texts_are_read_and_bounded(tmp_path: Path) -> None:
    metadata = {
        "modelspec.title": "Line art",
        "modelspec.license": "CC-BY 4.0" + "!" * 5000,
        "modelspec.resolution": "128x128",
    }
    found = file_inspect(safetensors_write(tmp_path / "a.safetensors", making.LORA_TINY, metadata=metadata))
    assert (found.description, found.native_size) == ("Line art", 128)
    assert found.license.startswith("CC-BY 4.0")
    assert len(found.license) == 255
    long = {"modelspec.description": "word " * 10_000, "modelspec.title": "short"}
    found = file_inspect(safetensors_write(tmp_path / "b.safetensors", making.LORA_TINY, metadata=long))
    assert len(found.description) == 1999


@pytest.mark.parametrize("size", ["", "128", "0x0", "99999x99999", "64x128", "-64x-64", "٦٤x٦٤", "1" * 9999])
def test_an_absurd_resolution_is_not_believed(tmp_path: Path, size: str) -> None:
    metadata = {"modelspec.resolution": size}
    path = safetensors_write(tmp_path / "x.safetensors", making.LORA_SD15, metadata=metadata)
    assert file_inspect(path).native_size == 512


# --- Folders with one network
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "shapes", "kind", "family", "native_size"),
    [
        (making.CONTROLNET_CONFIG, making.CONTROLNET, Kind.CONTROLNET, Family.UNKNOWN, 512),
        ({**making.CONTROLNET_CONFIG, "cross_attention_dim": 768}, making.CONTROLNET, Kind.CONTROLNET,
         Family.SD15, 512),
        ({**making.CONTROLNET_CONFIG, "cross_attention_dim": 1024}, making.CONTROLNET, Kind.CONTROLNET,
         Family.SD2, 768),
        ({**making.CONTROLNET_CONFIG, "addition_embed_type": "text_time"}, making.CONTROLNET, Kind.CONTROLNET,
         Family.SDXL, 1024),
        ({"_class_name": "AutoencoderKL"}, making.VAE, Kind.VAE, Family.UNKNOWN, 512),
        ({"_class_name": "AutoencoderTiny"}, making.TINY_DECODER, Kind.PREVIEW_DECODER, Family.UNKNOWN, 512),
        (making.CLIP_CONFIG, making.CLIP, Kind.CLIP, Family.UNKNOWN, 128),
        ({**making.CLIP_CONFIG, "vision_config": {"image_size": -5}}, making.CLIP, Kind.CLIP, Family.UNKNOWN,
         224),
        ({**making.CLIP_CONFIG, "vision_config": []}, making.CLIP, Kind.CLIP, Family.UNKNOWN, 224),
        ({"_class_name": "T2IAdapter"}, making.T2I_FULL, Kind.CONTROLNET, Family.SD15, 512),
    ],
)  # fmt: skip
def test_it_recognises_a_network(
    tmp_path: Path, config: dict[str, Any], shapes: Shapes, kind: Kind, family: Family, native_size: int
) -> None:
    found = folder_inspect(network_write(tmp_path / "x", config, shapes))
    assert (found.kind, found.family, found.native_size) == (kind, family, native_size)
    assert found.format == ("transformers" if kind == Kind.CLIP else "diffusers")


@pytest.mark.parametrize(
    ("config", "shapes", "code", "reason"),
    [
        ({}, making.VAE, "unknown_model_type", "not one that the portal knows"),
        ({"_class_name": "os.system"}, making.VAE, "unknown_model_type", "os.system"),
        ({"_class_name": ["ControlNetModel"]}, making.CONTROLNET, "unknown_model_type", "not one"),
        ({"architectures": "CLIPModel"}, making.CLIP, "unknown_model_type", "not one"),
        ({"architectures": ["CLIPModel", "X"]}, making.CLIP, "unknown_model_type", "not one"),
        ({"architectures": ["x" * 10_000]}, making.CLIP, "unknown_model_type", "not one"),
        ({"_class_name": "UNet2DConditionModel"}, making.VAE, "unknown_model_type", "UNet of"),
        ({"architectures": ["CLIPTextModel"]}, making.CLIP, "unknown_model_type", "text encoder"),
        ({**making.CLIP_CONFIG, "auto_map": {"AutoModel": "evil.X"}}, making.CLIP, "unsafe_format", "code"),
        (making.CLIP_CONFIG, making.VAE, "broken_file", "something else"),
        (making.CONTROLNET_CONFIG, making.VAE, "broken_file", "something else"),
        ({"_class_name": "T2IAdapter"}, making.CONTROLNET, "broken_file", "something else"),
        (making.GPT2_CONFIG, making.VAE, "broken_file", "something else"),
        ({**making.GPT2_CONFIG, "auto_map": {}}, making.GPT2, "unsafe_format", "code"),
        (making.GPT2_CONFIG, making.GPT2, "broken_file", "without a tokenizer"),
    ],
)  # fmt: skip
def test_wrong_networks_are_refused(
    tmp_path: Path, config: dict[str, Any], shapes: Shapes, code: str, reason: str
) -> None:
    with pytest.raises(PortalError, match=reason) as caught:
        folder_inspect(network_write(tmp_path / "x", config, shapes))
    assert caught.value.code == code
    assert len(caught.value.message) < 300


def test_a_network_of_pickles_is_refused(tmp_path: Path) -> None:
    folder = network_write(tmp_path / "x", making.CLIP_CONFIG, making.CLIP)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(PortalError) as caught:
        folder_inspect(folder)
    assert caught.value.code == "unsafe_format"


def test_a_network_with_a_broken_file_is_refused(tmp_path: Path) -> None:
    folder = network_write(tmp_path / "x", making.CLIP_CONFIG, making.CLIP)
    raw_write(folder / "model.fp16.safetensors", b"{")
    with pytest.raises(PortalError) as caught:
        folder_inspect(folder)
    assert caught.value.code == "broken_file"


def test_a_network_in_several_files_is_one(tmp_path: Path) -> None:
    folder = network_write(tmp_path / "x", making.CLIP_CONFIG, {})
    (folder / "model.safetensors").unlink()
    for number, (name, shape) in enumerate(making.CLIP.items(), start=1):
        safetensors_write(folder / f"model-0000{number}-of-00005.safetensors", {name: shape})
    assert folder_inspect(folder).kind == Kind.CLIP


@pytest.mark.parametrize("name", ["GPT2LMHeadModel", "LlamaForCausalLM", "Qwen3ForCausalLM"])
@pytest.mark.parametrize("tokenizer", ["tokenizer.json", "vocab.json", "tokenizer.model"])
def test_it_recognises_a_language_model(tmp_path: Path, name: str, tokenizer: str) -> None:
    folder = network_write(tmp_path / "x", {"architectures": [name]}, making.GPT2)
    (folder / tokenizer).write_text("{}")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    found = folder_inspect(folder)
    assert (found.kind, found.format) == (Kind.LANGUAGE_MODEL, "transformers")


def test_a_tokenizer_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = network_write(tmp_path / "x", making.GPT2_CONFIG, making.GPT2)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["evil.X", null]}}')
    with pytest.raises(PortalError, match="tokenizer_config") as caught:
        folder_inspect(folder)
    assert caught.value.code == "unsafe_format"
