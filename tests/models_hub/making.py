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


def safetensors_write(path: Path, shapes: Shapes = SD15, *, fill: int = 0) -> Path:
    """A whole, correct file; ``fill`` is every byte of its data."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
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


def manifest_write(root: Path, folder: Path, **changes: Any) -> Path:
    """A manifest with one model, as a release has it."""
    model = {
        "name": "Demo",
        "kind": "checkpoint",
        "family": "sd15",
        "format": "diffusers",
        "path": folder.relative_to(root).as_posix(),
        "license": "MIT",
        "native_size": 128,
        "description": "Small and honest.",
        "files": {name: file_sha256(file) for name, file in folder_files(folder).items()},
        **changes,
    }
    manifest = root / "manifest.json"
    manifest.write_text(json.dumps({"version": 1, "models": [model]}))
    return manifest
