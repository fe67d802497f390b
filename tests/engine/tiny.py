"""Tiny random checkpoints of real classes: SD1.5 and SDXL at a width where a picture takes milliseconds.

``tiny_folder`` and ``tiny_xl_folder`` write diffusers folders, ``tiny_single_file`` and
``tiny_xl_single_file`` the same weights as one ``.safetensors`` in the original Stable Diffusion layout.
Random weights paint noise, but every code path, shape and file name is the real one.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, Final

BOS: Final = "<|startoftext|>"
EOS: Final = "<|endoftext|>"
WORDS: Final = ("red", "blue", "fox", "apple", "cat", "on", "a", "the", "background", "photo", "of")

TEXT_WIDTH: Final = 32
SIDE: Final = 64
"""Native picture side in pixels: 8x8 latents."""

UNET_CONFIG: Final[dict[str, Any]] = {
    "sample_size": SIDE // 8,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "cross_attention_dim": TEXT_WIDTH,
    "attention_head_dim": 8,
    "norm_num_groups": 32,
}
VAE_CONFIG: Final[dict[str, Any]] = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (8, 16, 16, 32),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "sample_size": SIDE,
    "scaling_factor": 0.18215,
}
TEXT_CONFIG: Final[dict[str, Any]] = {
    "hidden_size": TEXT_WIDTH,
    "intermediate_size": 64,
    "projection_dim": TEXT_WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 1,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
}
SCHEDULER_CONFIG: Final[dict[str, Any]] = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.42.1",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "clip_sample": False,
}
MODEL_INDEX: Final[dict[str, Any]] = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "requires_safety_checker": False,
    "feature_extractor": [None, None],
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}

TEXT_WIDTH_2: Final = 48
POOLED_WIDTH: Final = 24
XL_UNET_CONFIG: Final[dict[str, Any]] = {
    **UNET_CONFIG,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2),
    "attention_head_dim": (2, 4),
    "use_linear_projection": True,
    "cross_attention_dim": TEXT_WIDTH + TEXT_WIDTH_2,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + POOLED_WIDTH,
}
XL_VAE_CONFIG: Final[dict[str, Any]] = {**VAE_CONFIG, "scaling_factor": 0.13025, "force_upcast": True}
XL_TEXT_2_CONFIG: Final[dict[str, Any]] = {
    **TEXT_CONFIG,
    "hidden_size": TEXT_WIDTH_2,
    "projection_dim": POOLED_WIDTH,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "hidden_act": "gelu",
}
XL_SCHEDULER_CONFIG: Final[dict[str, Any]] = {
    "_class_name": "EulerDiscreteScheduler",
    "_diffusers_version": "0.42.1",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "clip_sample": False,
    "timestep_spacing": "leading",
    "interpolation_type": "linear",
}
XL_MODEL_INDEX: Final[dict[str, Any]] = {
    **{key: value for key, value in MODEL_INDEX.items() if "safety" not in key},
    "_class_name": "StableDiffusionXLPipeline",
    "force_zeros_for_empty_prompt": True,
    "image_encoder": [None, None],
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
    "tokenizer_2": ["transformers", "CLIPTokenizer"],
}


def tiny_folder(
    path: Path, *, seed: int = 0, prediction_type: str = "epsilon", unet: dict[str, Any] = UNET_CONFIG
) -> Path:
    """Write the checkpoint as a diffusers folder at ``path`` (made if missing) and return it.

    The same ``seed`` gives the same weights; the global random state is left as it was.
    """
    vocabulary_size = tiny_tokenizer(path / "tokenizer")
    with seeded(seed):
        save_denoiser(path, unet, VAE_CONFIG)
        save_text_encoder(path / "text_encoder", TEXT_CONFIG, vocabulary_size, spread=10.0)
    write_json(
        path / "scheduler/scheduler_config.json", SCHEDULER_CONFIG | {"prediction_type": prediction_type}
    )
    write_json(path / "model_index.json", MODEL_INDEX)
    return path


def tiny_xl_folder(
    path: Path, *, seed: int = 0, prediction_type: str = "epsilon", zeros_for_empty: bool = True
) -> Path:
    """The same for SDXL: two text encoders, the second of which pads with "!"."""
    vocabulary_size = tiny_tokenizer(path / "tokenizer")
    tiny_tokenizer(path / "tokenizer_2", pad="!")
    with seeded(seed):
        save_denoiser(path, XL_UNET_CONFIG, XL_VAE_CONFIG)
        # Less than above: SDXL's U-Net attends to the layer before the norm, and would see nothing but noise.
        save_text_encoder(path / "text_encoder", TEXT_CONFIG, vocabulary_size, spread=3.0)
        save_text_encoder(
            path / "text_encoder_2", XL_TEXT_2_CONFIG, vocabulary_size, spread=3.0, projecting=True
        )
    write_json(
        path / "scheduler/scheduler_config.json", XL_SCHEDULER_CONFIG | {"prediction_type": prediction_type}
    )
    write_json(path / "model_index.json", XL_MODEL_INDEX | {"force_zeros_for_empty_prompt": zeros_for_empty})
    return path


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def save_denoiser(path: Path, unet: dict[str, Any], vae: dict[str, Any]) -> None:
    import diffusers

    classes: Any = diffusers  # which is not typed
    path.mkdir(parents=True, exist_ok=True)
    classes.UNet2DConditionModel(**unet).save_pretrained(path / "unet")
    classes.AutoencoderKL(**vae).save_pretrained(path / "vae")


def save_text_encoder(
    path: Path, config: dict[str, Any], vocabulary_size: int, *, spread: float, projecting: bool = False
) -> None:
    """``spread`` times the usual random weights, so that prompts and skipped layers visibly matter."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    text_config = CLIPTextConfig(
        **config,
        vocab_size=vocabulary_size,
        bos_token_id=vocabulary_size - 2,
        eos_token_id=vocabulary_size - 1,
    )
    text_config.initializer_factor = spread
    model = CLIPTextModelWithProjection if projecting else CLIPTextModel
    model(text_config).save_pretrained(path)


def tiny_single_file(folder: Path, file: Path) -> Path:
    """Write ``folder`` as one file of the original layout, with its tokenizer in ``<stem>.config/``."""
    import torch

    from generation.engine.checkpoints import ldm_layout

    prefix = ldm_layout.TEXT_PREFIXES[0]
    tensors = original_denoiser(folder, UNET_CONFIG)
    tensors |= {prefix + name: tensor for name, tensor in stored_tensors(folder / "text_encoder")}
    tensors[f"{prefix}embeddings.position_ids"] = torch.arange(77)[None]
    save_single(tensors, file)
    shutil.copytree(folder / "tokenizer", file.with_suffix(".config") / "tokenizer", dirs_exist_ok=True)
    return file


def tiny_xl_single_file(folder: Path, file: Path) -> Path:
    """The same for SDXL; what no file of full size needs to be told is in ``<stem>.config/`` too."""
    tensors = original_denoiser(folder, XL_UNET_CONFIG)
    prefix = "conditioner.embedders.0.transformer.text_model."
    tensors |= {prefix + name: tensor for name, tensor in stored_tensors(folder / "text_encoder")}
    tensors |= open_clip_tensors(dict(stored_tensors(folder / "text_encoder_2")))
    save_single(tensors, file)
    sidecar = file.with_suffix(".config")
    for name in ("tokenizer", "tokenizer_2"):
        shutil.copytree(folder / name, sidecar / name, dirs_exist_ok=True)
    unet = {
        key: XL_UNET_CONFIG[key] for key in ("sample_size", "attention_head_dim", "addition_time_embed_dim")
    }
    write_json(sidecar / "unet/config.json", unet)
    write_json(
        sidecar / "text_encoder_2/config.json",
        {"num_attention_heads": XL_TEXT_2_CONFIG["num_attention_heads"]},
    )
    return file


def open_clip_tensors(ours: dict[str, Any]) -> dict[str, Any]:
    """The tensors of a ``CLIPTextModelWithProjection`` as SDXL's files hold them."""
    import torch

    names = {
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.final_layer_norm.weight": "ln_final.weight",
        "text_model.final_layer_norm.bias": "ln_final.bias",
    }
    tensors = {original: ours[name] for name, original in names.items()}
    tensors["text_projection"] = ours["text_projection.weight"].T
    layers = {int(name.split(".")[3]) for name in ours if name.startswith("text_model.encoder.layers.")}
    for kind, layer in product(("weight", "bias"), sorted(layers)):
        here, there = f"text_model.encoder.layers.{layer}", f"transformer.resblocks.{layer}"
        tensors[f"{there}.attn.in_proj_{kind}"] = torch.cat(
            [ours[f"{here}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
        )
        tensors[f"{there}.attn.out_proj.{kind}"] = ours[f"{here}.self_attn.out_proj.{kind}"]
        tensors[f"{there}.ln_1.{kind}"] = ours[f"{here}.layer_norm1.{kind}"]
        tensors[f"{there}.ln_2.{kind}"] = ours[f"{here}.layer_norm2.{kind}"]
        tensors[f"{there}.mlp.c_fc.{kind}"] = ours[f"{here}.mlp.fc1.{kind}"]
        tensors[f"{there}.mlp.c_proj.{kind}"] = ours[f"{here}.mlp.fc2.{kind}"]
    tensors["logit_scale"] = torch.tensor(4.6)
    return {f"conditioner.embedders.1.model.{name}": tensor for name, tensor in tensors.items()}


def original_denoiser(folder: Path, unet: dict[str, Any]) -> dict[str, Any]:
    from generation.engine.checkpoints import ldm_layout

    tensors = {}
    for component, prefix, pairs in (
        ("unet", ldm_layout.UNET_PREFIX, ldm_layout.unet_pairs(unet)),
        ("vae", ldm_layout.VAE_PREFIX, ldm_layout.vae_pairs(VAE_CONFIG)),
    ):
        translate = ldm_layout.translator((ours, original) for original, ours in pairs)
        for name, tensor in stored_tensors(folder / component):
            original = translate(name)
            convolution = component == "vae" and ".attn_1." in original and tensor.dim() == 2
            tensors[prefix + original] = tensor[:, :, None, None] if convolution else tensor
    return tensors


def stored_tensors(component: Path) -> Iterator[tuple[str, Any]]:
    from safetensors.torch import load_file

    for weights in sorted(component.glob("*.safetensors")):
        yield from load_file(weights).items()


def save_single(tensors: dict[str, Any], file: Path) -> None:
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)


def tiny_tokenizer(path: Path, *, pad: str = EOS) -> int:
    """Write a byte-level BPE tokenizer that knows ``WORDS``; return its vocabulary size."""
    alphabet = [_byte_symbol(byte) for byte in range(256)]
    vocabulary = [*alphabet, *(f"{symbol}</w>" for symbol in alphabet)]
    merges: list[str] = []
    for word in WORDS:
        left = word[0]
        for position, letter in enumerate(word[1:], start=1):
            right = letter + "</w>" * (position == len(word) - 1)
            if left + right not in vocabulary:
                vocabulary.append(left + right)
                merges.append(f"{left} {right}")
            left += right
    vocabulary += [BOS, EOS]
    write_json(path / "vocab.json", {symbol: index for index, symbol in enumerate(vocabulary)})
    (path / "merges.txt").write_text(
        "#version: 0.2\n" + "".join(f"{merge}\n" for merge in merges), encoding="utf-8"
    )
    special = {"bos_token": BOS, "eos_token": EOS, "pad_token": pad, "unk_token": EOS}
    write_json(
        path / "tokenizer_config.json", special | {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    )
    write_json(path / "special_tokens_map.json", special)
    return len(vocabulary)


def _byte_symbol(byte: int) -> str:
    """GPT-2's printable stand-in for a byte: itself, or shifted past 255 where it is not printable."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if byte in printable:
        return chr(byte)
    return chr(256 + [other for other in range(256) if other not in printable].index(byte))


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")
