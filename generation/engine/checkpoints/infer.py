"""Component configurations read off tensor shapes, for checkpoints that come without any.

Widths, depths and attention positions are visible in the shapes. What is not (normalisation groups,
attention heads, the latent scale) follows the family's published models; a ``<stem>.config/`` folder beside
the file says otherwise where needed.
"""

import re
from collections.abc import Iterable, Mapping
from math import gcd
from typing import Any, Final

from generation.engine.checkpoints.families import FAMILIES, Family
from generation.engine.checkpoints.header import Shape

NORM_GROUPS: Final = 32
UNET_HEADS: Final = 8
"""Attention heads on every level of the SD1.x U-Net, whatever its width."""
TEXT_HEAD_WIDTH: Final = 64
"""CLIP's channels per attention head."""
HEAD_WIDTH: Final = 64
"""Channels per attention head of the U-Nets of SD2.x and SDXL, on every level."""
XL_SIZE_WIDTH: Final = 256
"""Channels that each of SDXL's six sizes is embedded in."""

Shapes = Mapping[str, Shape]


class IndescribableError(ValueError):
    """The shapes are whole, and no configuration of diffusers' classes has them: a pruned model, say."""


def unet_config(shapes: Shapes) -> dict[str, Any]:
    """``shapes`` by original name without ``model.diffusion_model.``.

    Raises KeyError when one is missing and ``IndescribableError``.
    """
    levels, depths = _way_down(shapes)
    channels = [widths[0] for widths in levels]
    layers = len(levels[0])
    middle = _depth(shapes, "middle_block.1")
    up = [_depth(shapes, f"output_blocks.{level * (layers + 1)}.1") for level in range(len(levels))]
    if up != depths[::-1] or depths[-1] not in {0, middle}:
        raise IndescribableError(f"its U-Net's attention is {depths} deep going down and {up} going up")
    attention = "middle_block.1.transformer_blocks.0.attn2.to_k.weight"
    linear = len(shapes["middle_block.1.proj_in.weight"]) == 2
    return {
        "sample_size": FAMILIES["sd15"].sample_size,
        "in_channels": shapes["input_blocks.0.0.weight"][1],
        "out_channels": shapes["out.2.weight"][0],
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in up],
        "block_out_channels": channels,
        "layers_per_block": layers,
        # Where a level has no attention its entry is unread, but the last one also stands for the middle.
        "transformer_layers_per_block": [*(depth or 1 for depth in depths[:-1]), middle],
        "cross_attention_dim": shapes[attention][1],
        "attention_head_dim": UNET_HEADS,
        "use_linear_projection": linear,
        "norm_num_groups": _groups(channels),
        **(_by_head_width(channels) if linear else {}),
        **_xl_additions(shapes),
    }


def _way_down(shapes: Shapes) -> tuple[list[list[int]], list[int]]:
    """For each level its resnets' widths and the depth of its attention, 0 for none."""
    levels: list[list[int]] = [[]]
    depths: list[int] = [0]
    for index in range(1, count_indexes(shapes, r"input_blocks\.(\d+)\.")):
        if f"input_blocks.{index}.0.op.weight" in shapes:
            levels.append([])
            depths.append(0)
            continue
        levels[-1].append(shapes[f"input_blocks.{index}.0.out_layers.3.weight"][0])
        depths[-1] = max(depths[-1], _depth(shapes, f"input_blocks.{index}.1"))
    return levels, depths


def _by_head_width(channels: list[int]) -> dict[str, Any]:
    """What the U-Nets of SD2.x and SDXL, told by their linear projections, share."""
    return {
        "sample_size": FAMILIES["sd2"].sample_size,
        "attention_head_dim": [max(1, width // HEAD_WIDTH) for width in channels],
    }


def _xl_additions(shapes: Shapes) -> dict[str, Any]:
    """What SDXL's U-Net has beyond: an embedding of a pooled text and six sizes (the refiner's five)."""
    embedding = shapes.get("label_emb.0.0.weight")
    if embedding is None:
        return {}
    return {
        "sample_size": FAMILIES["sdxl"].sample_size,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": XL_SIZE_WIDTH,
        "projection_class_embeddings_input_dim": embedding[1],
    }


def vae_config(shapes: Shapes, family: Family = "sd15") -> dict[str, Any]:
    """``shapes`` with original names, ``first_stage_model.`` removed. Raises KeyError when one is missing."""
    facts = FAMILIES[family]
    levels = count_indexes(shapes, r"encoder\.down\.(\d+)\.")
    channels = [shapes[f"encoder.down.{level}.block.0.conv2.weight"][0] for level in range(levels)]
    return {
        "in_channels": shapes["encoder.conv_in.weight"][1],
        "out_channels": shapes["decoder.conv_out.weight"][0],
        "latent_channels": shapes["decoder.conv_in.weight"][1],
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "block_out_channels": channels,
        "layers_per_block": count_indexes(shapes, r"encoder\.down\.0\.block\.(\d+)\."),
        "norm_num_groups": _groups(channels),
        "sample_size": facts.sample_size * 2 ** (levels - 1),
        "scaling_factor": facts.latent_scale,
        "shift_factor": facts.latent_shift,
        "use_quant_conv": "quant_conv.weight" in shapes,
        "use_post_quant_conv": "post_quant_conv.weight" in shapes,
        "force_upcast": facts.fp16_overflows,
    }


def vae_config_named(shapes: Shapes, family: Family = "sd15") -> dict[str, Any]:
    """The same for a file whose tensors already have diffusers' names."""
    levels = count_indexes(shapes, r"encoder\.down_blocks\.(\d+)\.")
    layers = count_indexes(shapes, r"encoder\.down_blocks\.0\.resnets\.(\d+)\.")
    original = {
        f"encoder.down.{level}.block.{layer}.conv2.weight": shapes[
            f"encoder.down_blocks.{level}.resnets.{layer}.conv2.weight"
        ]
        for level in range(levels)
        for layer in range(layers)
    }
    return vae_config({**shapes, **original}, family)


def text_config(shapes: Shapes) -> dict[str, Any]:
    """``shapes`` of a CLIP text model without its prefix. Raises KeyError when one is missing."""
    vocabulary, width = shapes["embeddings.token_embedding.weight"]
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "projection_dim": width,
        "intermediate_size": shapes["encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": count_indexes(shapes, r"encoder\.layers\.(\d+)\."),
        "num_attention_heads": max(1, width // TEXT_HEAD_WIDTH),
        "max_position_embeddings": shapes["embeddings.position_embedding.weight"][0],
        "hidden_act": "quick_gelu",
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
    }


def scheduler_config(
    prediction_type: str, family: Family = "sd15", *, zero_terminal_snr: bool = False
) -> dict[str, Any]:
    """The noise schedule that the family's checkpoints were trained with."""
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
        **FAMILIES[family].scheduler,
        **({"rescale_betas_zero_snr": True} if zero_terminal_snr else {}),
    }


def count_indexes(shapes: Iterable[str], pattern: str) -> int:
    """One more than the largest index that ``pattern`` finds at the start of a name; 0 when it finds none."""
    matches = (re.match(pattern, name) for name in shapes)
    return max((int(match[1]) + 1 for match in matches if match), default=0)


def _depth(shapes: Shapes, block: str) -> int:
    """Transformer layers of a block; 0 where it does not attend."""
    return count_indexes(shapes, rf"{re.escape(block)}\.transformer_blocks\.(\d+)\.")


def _groups(channels: list[int]) -> int:
    return min(NORM_GROUPS, gcd(*channels))
