"""Tiny random checkpoints of the U-Net families' other kinds: SDXL's refiner, inpainting, SD2.x in one
file.
"""

import shutil
from pathlib import Path
from typing import Any, Final

from tests.engine.tiny import (
    MODEL_INDEX,
    TEXT_CONFIG,
    TEXT_WIDTH,
    TEXT_WIDTH_2,
    UNET_CONFIG,
    VAE_CONFIG,
    XL_MODEL_INDEX,
    XL_SCHEDULER_CONFIG,
    XL_TEXT_2_CONFIG,
    XL_UNET_CONFIG,
    XL_VAE_CONFIG,
    open_clip_tensors,
    original_denoiser,
    save_denoiser,
    save_single,
    save_text_encoder,
    seeded,
    stored_tensors,
    tiny_tokenizer,
    write_json,
)

SIZE_WIDTH: Final = 8
REFINER_UNET: Final[dict[str, Any]] = {
    **XL_UNET_CONFIG,
    "cross_attention_dim": TEXT_WIDTH_2,
    "projection_class_embeddings_input_dim": 5 * SIZE_WIDTH + XL_TEXT_2_CONFIG["projection_dim"],
}
INPAINTING_UNET: Final[dict[str, Any]] = {**UNET_CONFIG, "in_channels": 9}
XL_INPAINTING_UNET: Final[dict[str, Any]] = {**XL_UNET_CONFIG, "in_channels": 9}
SD2_UNET: Final[dict[str, Any]] = {**UNET_CONFIG, "attention_head_dim": (2, 4), "use_linear_projection": True}
SD2_TEXT: Final[dict[str, Any]] = {**TEXT_CONFIG, "num_hidden_layers": 4, "hidden_act": "gelu"}
"""As trained; folders and files alike are read without its last layer."""


def tiny_refiner_folder(path: Path, *, seed: int = 0) -> Path:
    """Write SDXL's refiner, which has the second text encoder only, as a diffusers folder."""
    vocabulary_size = tiny_tokenizer(path / "tokenizer_2", pad="!")
    with seeded(seed):
        save_denoiser(path, REFINER_UNET, XL_VAE_CONFIG)
        save_text_encoder(
            path / "text_encoder_2", XL_TEXT_2_CONFIG, vocabulary_size, spread=3.0, projecting=True
        )
    write_json(path / "scheduler/scheduler_config.json", XL_SCHEDULER_CONFIG)
    own = {
        "_class_name": "StableDiffusionXLImg2ImgPipeline",
        "requires_aesthetics_score": True,
        "force_zeros_for_empty_prompt": False,
        "text_encoder": [None, None],
        "tokenizer": [None, None],
    }
    write_json(path / "model_index.json", XL_MODEL_INDEX | own)
    return path


def refiner_single_file(folder: Path, file: Path) -> Path:
    content = original_denoiser(folder, REFINER_UNET)
    for name, tensor in open_clip_tensors(dict(stored_tensors(folder / "text_encoder_2"))).items():
        content[name.replace("embedders.1.", "embedders.0.")] = tensor
    save_single(content, file)
    sidecar = file.with_suffix(".config")
    shutil.copytree(folder / "tokenizer_2", sidecar / "tokenizer_2", dirs_exist_ok=True)
    told = ("sample_size", "attention_head_dim", "addition_time_embed_dim")
    write_json(sidecar / "unet/config.json", {key: REFINER_UNET[key] for key in told})
    heads = {"num_attention_heads": XL_TEXT_2_CONFIG["num_attention_heads"]}
    write_json(sidecar / "text_encoder_2/config.json", heads)
    return file


def to_inpainting(folder: Path, path: Path, *, seed: int = 3) -> Path:
    """A copy of a tiny SD1.5 or SDXL folder with a U-Net of 9 channels."""
    xl = (folder / "text_encoder_2").is_dir()
    shutil.copytree(folder, path)
    shutil.rmtree(path / "unet")
    with seeded(seed):
        save_denoiser(
            path, XL_INPAINTING_UNET if xl else INPAINTING_UNET, XL_VAE_CONFIG if xl else VAE_CONFIG
        )
    index = XL_MODEL_INDEX if xl else MODEL_INDEX
    name = str(index["_class_name"]).replace("Pipeline", "InpaintPipeline")
    write_json(path / "model_index.json", index | {"_class_name": name})
    return path


def tiny_sd2_file(file: Path, *, seed: int = 0) -> Path:
    """Stable Diffusion 2.x in one file, its tokenizer beside it."""
    folder = file.with_suffix(".parts")
    vocabulary_size = tiny_tokenizer(file.with_suffix(".config") / "tokenizer", pad="!")
    with seeded(seed):
        save_denoiser(folder, SD2_UNET, VAE_CONFIG)
        save_text_encoder(folder / "text", SD2_TEXT, vocabulary_size, spread=10.0, projecting=True)
    content = original_denoiser(folder, SD2_UNET)
    for name, tensor in open_clip_tensors(dict(stored_tensors(folder / "text"))).items():
        content[name.replace("conditioner.embedders.1.", "cond_stage_model.")] = tensor
    save_single(content, file)
    write_json(file.with_suffix(".config") / "unet/config.json", {"attention_head_dim": [2, 4]})
    assert SD2_TEXT["hidden_size"] == TEXT_WIDTH
    return file
