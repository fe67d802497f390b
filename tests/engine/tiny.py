"""A tiny random checkpoint of real classes: the SD1.5 layout at a width where a picture takes milliseconds.

``tiny_folder`` writes a diffusers folder, ``tiny_single_file`` the same weights as one ``.safetensors`` in
the original Stable Diffusion layout. Random weights paint noise, but every code path, shape and file name
is the real one.
"""

import json
import shutil
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


def tiny_folder(path: Path, *, seed: int = 0, prediction_type: str = "epsilon") -> Path:
    """Write the checkpoint as a diffusers folder at ``path`` (made if missing) and return it.

    The same ``seed`` gives the same weights; the global random state is left as it was.
    """
    import diffusers
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel

    classes: Any = diffusers  # which is not typed
    path.mkdir(parents=True, exist_ok=True)
    vocabulary_size = tiny_tokenizer(path / "tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = classes.UNet2DConditionModel(**UNET_CONFIG)
        vae = classes.AutoencoderKL(**VAE_CONFIG)
        text_config = CLIPTextConfig(
            **TEXT_CONFIG,
            vocab_size=vocabulary_size,
            bos_token_id=vocabulary_size - 2,
            eos_token_id=vocabulary_size - 1,
        )
        # Ten times the usual spread, so that prompts and skipped layers visibly change the picture.
        text_config.initializer_factor = 10.0
        text_encoder = CLIPTextModel(text_config)
    unet.save_pretrained(path / "unet")
    vae.save_pretrained(path / "vae")
    text_encoder.save_pretrained(path / "text_encoder")
    _write_json(
        path / "scheduler/scheduler_config.json", SCHEDULER_CONFIG | {"prediction_type": prediction_type}
    )
    _write_json(path / "model_index.json", MODEL_INDEX)
    return path


def tiny_single_file(folder: Path, file: Path) -> Path:
    """Write ``folder`` as one file of the original layout, with its tokenizer in ``<stem>.config/``."""
    import torch
    from safetensors.torch import load_file, save_file

    from generation.engine.checkpoints import ldm_layout

    tensors = {}
    for component, prefix, pairs in (
        ("unet", ldm_layout.UNET_PREFIX, ldm_layout.unet_pairs(UNET_CONFIG)),
        ("vae", ldm_layout.VAE_PREFIX, ldm_layout.vae_pairs(VAE_CONFIG)),
        ("text_encoder", ldm_layout.TEXT_PREFIXES[0], ()),
    ):
        translate = ldm_layout.translator((ours, original) for original, ours in pairs)
        for weights in sorted((folder / component).glob("*.safetensors")):
            for name, tensor in load_file(weights).items():
                original = translate(name)
                convolution = component == "vae" and ".attn_1." in original and tensor.dim() == 2
                tensors[prefix + original] = tensor[:, :, None, None] if convolution else tensor
    tensors[f"{ldm_layout.TEXT_PREFIXES[0]}embeddings.position_ids"] = torch.arange(77)[None]
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)
    shutil.copytree(folder / "tokenizer", file.with_suffix(".config") / "tokenizer", dirs_exist_ok=True)
    return file


def tiny_tokenizer(path: Path) -> int:
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
    _write_json(path / "vocab.json", {symbol: index for index, symbol in enumerate(vocabulary)})
    (path / "merges.txt").write_text(
        "#version: 0.2\n" + "".join(f"{merge}\n" for merge in merges), encoding="utf-8"
    )
    special = {"bos_token": BOS, "eos_token": EOS, "pad_token": EOS, "unk_token": EOS}
    _write_json(
        path / "tokenizer_config.json", special | {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    )
    _write_json(path / "special_tokens_map.json", special)
    return len(vocabulary)


def _byte_symbol(byte: int) -> str:
    """GPT-2's printable stand-in for a byte: itself, or shifted past 255 where it is not printable."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if byte in printable:
        return chr(byte)
    return chr(256 + [other for other in range(256) if other not in printable].index(byte))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")
