"""Files written by the libraries themselves, not by these tests' own writer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models_hub.inspection import Inspection, file_inspect, folder_inspect, is_model_folder
from models_hub.models import ModelFile
from tests.engine.tiny import (
    TEXT_WIDTH,
    VAE_CONFIG,
    tiny_folder,
    tiny_single_file,
    tiny_xl_folder,
    tiny_xl_single_file,
)

Kind = ModelFile.Kind
Family = ModelFile.Family
Format = ModelFile.Format


@pytest.mark.parametrize(
    ("folder_make", "single_make", "family", "usual_size"),
    [
        (tiny_folder, tiny_single_file, Family.SD15, 512),
        (tiny_xl_folder, tiny_xl_single_file, Family.SDXL, 1024),
    ],
)
def test_what_diffusers_saved_is_recognised_in_both_layouts(
    tmp_path: Path,
    folder_make: Callable[[Path], Path],
    single_make: Callable[[Path, Path], Path],
    family: ModelFile.Family,
    usual_size: int,
) -> None:
    folder = folder_make(tmp_path / "tiny")
    assert folder_inspect(folder) == Inspection(
        kind=Kind.CHECKPOINT, family=family, format=Format.DIFFUSERS, native_size=64
    )
    assert file_inspect(single_make(folder, tmp_path / "single.safetensors")) == Inspection(
        kind=Kind.CHECKPOINT, family=family, format=Format.SAFETENSORS, native_size=usual_size
    )


@pytest.mark.parametrize(("width", "family"), [(TEXT_WIDTH, Family.UNKNOWN), (768, Family.SD15)])
def test_a_controlnet_is_recognised_in_a_folder_and_alone(tmp_path: Path, width: int, family: Family) -> None:
    from diffusers.models.controlnets.controlnet import ControlNetModel

    folder = tmp_path / "canny"
    ControlNetModel(
        block_out_channels=(8, 8),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        cross_attention_dim=width,
        conditioning_embedding_out_channels=(4, 8),
    ).save_pretrained(folder)
    assert is_model_folder(folder)
    found = folder_inspect(folder)
    assert (found.kind, found.family, found.format) == (Kind.CONTROLNET, family, Format.DIFFUSERS)
    alone = file_inspect(folder / "diffusion_pytorch_model.safetensors")
    assert (alone.kind, alone.family) == (Kind.CONTROLNET, family)


def test_a_vae_is_recognised_in_a_folder_and_alone(tmp_path: Path) -> None:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    AutoencoderKL(**VAE_CONFIG).save_pretrained(tmp_path / "vae")
    assert folder_inspect(tmp_path / "vae").kind == Kind.VAE
    assert file_inspect(tmp_path / "vae" / "diffusion_pytorch_model.safetensors").kind == Kind.VAE


def test_clip_is_recognised(tmp_path: Path) -> None:
    from transformers import CLIPConfig, CLIPModel

    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    text = {**small, "vocab_size": 16}
    vision = {**small, "image_size": 64, "patch_size": 32}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision)).save_pretrained(tmp_path / "clip")
    assert is_model_folder(tmp_path / "clip")
    found = folder_inspect(tmp_path / "clip")
    assert (found.kind, found.format, found.native_size) == (Kind.CLIP, Format.TRANSFORMERS, 64)


def test_a_lora_that_diffusers_saved_is_recognised(tmp_path: Path) -> None:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
    from peft import LoraConfig, get_peft_model_state_dict

    unet = UNet2DConditionModel(
        block_out_channels=(8,),
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
        cross_attention_dim=768,
    )
    unet.add_adapter(LoraConfig(r=2, target_modules=["to_k", "to_q"]))
    StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=get_peft_model_state_dict(unet))
    found = file_inspect(tmp_path / "pytorch_lora_weights.safetensors")
    assert (found.kind, found.family) == (Kind.LORA, Family.SD15)


def test_upscalers_are_recognised(tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from spandrel.architectures import DAT, ESRGAN, Compact

    networks: dict[str, Any] = {
        "compact": Compact.Compact(num_feat=8, num_conv=2, upscale=2),
        "esrgan": ESRGAN.ESRGAN(num_filters=8, num_blocks=1, scale=4),
        "dat": DAT.DAT(img_size=16, embed_dim=8, split_size=[2, 4], depth=[2], num_heads=[2], upscale=2),
    }
    for name, network in networks.items():
        path = tmp_path / f"{name}.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in network.state_dict().items()}, path)
        assert file_inspect(path).kind == Kind.UPSCALER, name
