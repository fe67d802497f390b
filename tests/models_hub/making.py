"""Model files for tests: the real formats and the real names, with tensors of zeros."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from models_hub.hashing import file_sha256, folder_files

Shapes = Mapping[str, tuple[int, ...]]

SD15: Final[Shapes] = {
    "model.diffusion_model.input_blocks.0.0.weight": (32, 4, 3, 3),
    "first_stage_model.decoder.conv_in.weight": (8, 4, 3, 3),
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (16, 8),
}
SDXL: Final[Shapes] = {
    "model.diffusion_model.input_blocks.0.0.weight": (32, 4, 3, 3),
    "first_stage_model.decoder.conv_in.weight": (8, 4, 3, 3),
    "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight": (16, 8),
    "conditioner.embedders.1.model.token_embedding.weight": (16, 8),
}
SD2: Final[Shapes] = {
    "model.diffusion_model.input_blocks.0.0.weight": (32, 4, 3, 3),
    "first_stage_model.decoder.conv_in.weight": (8, 4, 3, 3),
    "cond_stage_model.model.token_embedding.weight": (16, 8),
}
SD3: Final[Shapes] = {"model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": (24, 8)}
FLUX: Final[Shapes] = {"double_blocks.0.img_attn.qkv.weight": (24, 8)}
INPAINTING: Final[Shapes] = {**SD15, "model.diffusion_model.input_blocks.0.0.weight": (32, 9, 3, 3)}
XL_REFINER: Final[Shapes] = {
    "model.diffusion_model.input_blocks.0.0.weight": (32, 4, 3, 3),
    "first_stage_model.decoder.conv_in.weight": (8, 4, 3, 3),
    "conditioner.embedders.0.model.token_embedding.weight": (16, 8),
}
LORA_SD15: Final[Shapes] = {
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 768),
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": (320, 4),
}
LORA_SDXL: Final[Shapes] = {
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": (4, 2048)
}
VAE: Final[Shapes] = {"decoder.conv_in.weight": (8, 4, 3, 3), "encoder.conv_in.weight": (8, 3, 3, 3)}
CONTROLNET: Final[Shapes] = {"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3)}
EMBEDDING: Final[Shapes] = {"emb_params": (2, 768)}
LORA_TINY: Final[Shapes] = {
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 128),
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": (160, 4),
    "lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight": (4, 64, 3, 3),
    "lora_unet_down_blocks_0_resnets_0_conv1.lora_up.weight": (64, 4, 1, 1),
    "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 128),
    "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": (256, 4),
    "lora_te_text_model_encoder_layers_0_mlp_fc1.alpha": (),
}
T2I_FULL: Final[Shapes] = {
    "adapter.conv_in.weight": (320, 192, 3, 3),
    "adapter.body.0.resnets.0.block1.weight": (320, 320, 3, 3),
}
T2I_LIGHT: Final[Shapes] = {
    "body.0.in_conv.weight": (80, 192, 1, 1),
    "body.0.body.0.block1.weight": (80, 80, 3, 3),
}
GFPGAN: Final[Shapes] = {
    "conv_body_first.weight": (8, 3, 1, 1), "toRGB.0.weight": (3, 8, 1, 1),
    "stylegan_decoder.style_conv1.modulated_conv.weight": (1, 8, 8, 3, 3),
}  # fmt: skip
CODEFORMER: Final[Shapes] = {
    "position_emb": (256, 8), "quantize.embedding.weight": (16, 8), "encoder.blocks.0.weight": (8, 3, 3, 3),
    "generator.blocks.0.weight": (8, 8, 3, 3),
}  # fmt: skip
GPT2: Final[Shapes] = {"transformer.wte.weight": (16, 8), "transformer.h.0.attn.c_attn.weight": (8, 24)}
GPT2_CONFIG: Final = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"}
IP_ADAPTER: Final[Shapes] = {
    "image_proj.proj.weight": (64, 32),
    "image_proj.norm.weight": (16,),
    "ip_adapter.1.to_k_ip.weight": (64, 768),
    "ip_adapter.1.to_v_ip.weight": (64, 768),
}
COMPACT_X2: Final[Shapes] = {
    "body.0.weight": (8, 3, 3, 3), "body.0.bias": (8,), "body.1.weight": (8,),
    "body.2.weight": (12, 8, 3, 3), "body.2.bias": (12,),
}  # fmt: skip
CLIP: Final[Shapes] = {
    "text_projection.weight": (16, 8),
    "visual_projection.weight": (16, 8),
    "logit_scale": (),
    "text_model.embeddings.token_embedding.weight": (16, 8),
    "vision_model.embeddings.patch_embedding.weight": (8, 3, 16, 16),
}
TINY_DECODER: Final[Shapes] = {
    "encoder.layers.0.weight": (8, 3, 3, 3), "decoder.layers.0.weight": (8, 4, 3, 3),
}  # fmt: skip
CLIP_CONFIG: Final = {"architectures": ["CLIPModel"], "vision_config": {"image_size": 128}}
CONTROLNET_CONFIG: Final = {"_class_name": "ControlNetModel", "cross_attention_dim": 128}


def safetensors_write(
    path: Path, shapes: Shapes = SD15, *, fill: int = 0, metadata: Mapping[str, str] | None = None
) -> Path:
    """A whole, correct file; ``fill`` is every byte of its data."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt", **(metadata or {})}}
    position = 0
    for name, shape in shapes.items():
        size = math.prod(shape) * 2
        entries[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    return raw_write(path, json.dumps(entries).encode(), bytes([fill]) * position)


def raw_write(path: Path, header: bytes, data: bytes = b"", *, length: int | None = None) -> Path:
    """A file with any header, and any claim about the header's length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    claimed = len(header) if length is None else length
    path.write_bytes(claimed.to_bytes(8, "little") + header + data)
    return path


def folder_write(path: Path, **index: Any) -> Path:
    """A diffusers folder of the SD1.5 kind; ``index`` changes ``model_index.json``."""
    components = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}
    for name in components:
        safetensors_write(path / name / "diffusion_pytorch_model.safetensors", {"w": (4,)})
        (path / name / "config.json").write_text(json.dumps({"sample_size": 16}))
    safetensors_write(path / "text_encoder" / "model.safetensors", {"w": (4,)})
    (path / "tokenizer").mkdir()
    (path / "tokenizer" / "vocab.json").write_text("{}")
    (path / "README.md").write_text("about it")
    whole = {
        "_class_name": "StableDiffusionPipeline",
        **{name: ["diffusers", kind] for name, kind in components.items()},
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "safety_checker": [None, None],
        "requires_safety_checker": False,
        **index,
    }
    (path / "model_index.json").write_text(json.dumps(whole))
    return path


def network_write(path: Path, config: Mapping[str, Any], shapes: Shapes) -> Path:
    """A folder with one network, as diffusers and transformers save it."""
    library = "model" if "architectures" in config else "diffusion_pytorch_model"
    safetensors_write(path / f"{library}.safetensors", shapes)
    (path / "config.json").write_text(json.dumps(config))
    return path


def manifest_entry(root: Path, path: Path, /, **changes: Any) -> dict[str, Any]:
    """One model of a manifest, by default the checkpoint of a release."""
    files = folder_files(path) if path.is_dir() else {path.name: path}
    return {
        "name": "Demo",
        "kind": "checkpoint",
        "family": "sd15",
        "format": "diffusers",
        "path": path.relative_to(root).as_posix(),
        "license": "MIT",
        "native_size": 128,
        "description": "Small and honest.",
        "files": {name: file_sha256(file) for name, file in files.items()},
        **changes,
    }


def manifest_of(root: Path, *entries: Mapping[str, Any]) -> Path:
    """A manifest with these models."""
    manifest = root / "manifest.json"
    manifest.write_text(json.dumps({"version": 1, "models": entries}))
    return manifest


def manifest_write(root: Path, folder: Path, /, **changes: Any) -> Path:
    """A manifest with one model, as a release has it."""
    return manifest_of(root, manifest_entry(root, folder, **changes))
