"""Component configurations read off tensor shapes, for checkpoints that come without any.

Widths, depths and attention positions are visible in the shapes. What is not (normalisation groups,
attention heads, the latent scale) follows Stable Diffusion 1.x; a ``<stem>.config/`` folder beside the file
says otherwise where needed.
"""

import re
from collections.abc import Iterable, Mapping
from math import gcd
from typing import Any, Final

from generation.engine.checkpoints.header import Shape

NORM_GROUPS: Final = 32
UNET_HEADS: Final = 8
"""Attention heads on every level of the SD1.x U-Net, whatever its width."""
TEXT_HEAD_WIDTH: Final = 64
"""CLIP's channels per attention head."""
SD1_LATENT_SCALE: Final = 0.18215
SD1_SAMPLE_SIZE: Final = 64
"""Latent side that SD1.x was trained at: 512 pixels."""

Shapes = Mapping[str, Shape]


def unet_config(shapes: Shapes) -> dict[str, Any]:
    """``shapes`` by original name without ``model.diffusion_model.``. Raises KeyError if one is missing."""
    levels: list[list[int]] = [[]]
    attends: list[bool] = [False]
    for index in range(1, _count(shapes, r"input_blocks\.(\d+)\.")):
        if f"input_blocks.{index}.0.op.weight" in shapes:
            levels.append([])
            attends.append(False)
            continue
        levels[-1].append(shapes[f"input_blocks.{index}.0.out_layers.3.weight"][0])
        attends[-1] |= f"input_blocks.{index}.1.proj_in.weight" in shapes
    channels = [widths[0] for widths in levels]
    attention = "middle_block.1.transformer_blocks.0.attn2.to_k.weight"
    return {
        "sample_size": SD1_SAMPLE_SIZE,
        "in_channels": shapes["input_blocks.0.0.weight"][1],
        "out_channels": shapes["out.2.weight"][0],
        "down_block_types": ["CrossAttnDownBlock2D" if yes else "DownBlock2D" for yes in attends],
        "up_block_types": ["CrossAttnUpBlock2D" if yes else "UpBlock2D" for yes in reversed(attends)],
        "block_out_channels": channels,
        "layers_per_block": len(levels[0]),
        "cross_attention_dim": shapes[attention][1],
        "attention_head_dim": UNET_HEADS,
        "use_linear_projection": len(shapes["middle_block.1.proj_in.weight"]) == 2,
        "norm_num_groups": _groups(channels),
    }


def vae_config(shapes: Shapes) -> dict[str, Any]:
    """``shapes`` with original names, ``first_stage_model.`` removed. Raises KeyError when one is missing."""
    levels = _count(shapes, r"encoder\.down\.(\d+)\.")
    channels = [shapes[f"encoder.down.{level}.block.0.conv2.weight"][0] for level in range(levels)]
    return {
        "in_channels": shapes["encoder.conv_in.weight"][1],
        "out_channels": shapes["decoder.conv_out.weight"][0],
        "latent_channels": shapes["decoder.conv_in.weight"][1],
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "block_out_channels": channels,
        "layers_per_block": _count(shapes, r"encoder\.down\.0\.block\.(\d+)\."),
        "norm_num_groups": _groups(channels),
        "sample_size": SD1_SAMPLE_SIZE * 2 ** (levels - 1),
        "scaling_factor": SD1_LATENT_SCALE,
    }


def text_config(shapes: Shapes) -> dict[str, Any]:
    """``shapes`` of a CLIP text model without its prefix. Raises KeyError when one is missing."""
    vocabulary, width = shapes["embeddings.token_embedding.weight"]
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "projection_dim": width,
        "intermediate_size": shapes["encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": _count(shapes, r"encoder\.layers\.(\d+)\."),
        "num_attention_heads": max(1, width // TEXT_HEAD_WIDTH),
        "max_position_embeddings": shapes["embeddings.position_embedding.weight"][0],
        "hidden_act": "quick_gelu",
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
    }


def scheduler_config(prediction_type: str) -> dict[str, Any]:
    """The noise schedule that every SD1.x checkpoint was trained with."""
    return {
        "_class_name": "DDIMScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "clip_sample": False,
        "prediction_type": prediction_type,
    }


def _count(shapes: Iterable[str], pattern: str) -> int:
    """One more than the largest index that ``pattern`` finds at the start of a name; 0 when it finds none."""
    matches = (re.match(pattern, name) for name in shapes)
    return max((int(match[1]) + 1 for match in matches if match), default=0)


def _groups(channels: list[int]) -> int:
    return min(NORM_GROUPS, gcd(*channels))
