"""Configurations of SD3's and Flux's parts read off tensor shapes; see ``infer`` for the U-Nets'.

Every function takes shapes by original name without prefix, and raises KeyError when one is missing.
"""

from collections.abc import Mapping
from math import isqrt
from typing import Any, Final

from generation.engine.checkpoints.families import FAMILIES, Family
from generation.engine.checkpoints.header import Shape
from generation.engine.checkpoints.infer import IndescribableError, count_indexes

Shapes = Mapping[str, Shape]

HEAD_WIDTH: Final = 64
"""Channels per attention head of SD3's transformer where no norm of them shows it, and of CLIP."""
_ROPE_UNIT: Final = 8
"""Flux gives an eighth of a head's channels to the text's axis and the rest to the picture's two."""


def mmdit_config(shapes: Shapes) -> dict[str, Any]:
    """An ``SD3Transformer2DModel``."""
    width, channels, patch, _ = shapes["x_embedder.proj.weight"]
    layers = count_indexes(shapes, r"joint_blocks\.(\d+)\.")
    norm = shapes.get("joint_blocks.0.x_block.attn.ln_q.weight")
    head = norm[0] if norm else HEAD_WIDTH
    doubly = [i for i in range(layers) if f"joint_blocks.{i}.x_block.attn2.qkv.weight" in shapes]
    return {
        "sample_size": FAMILIES["sd3"].sample_size,
        "patch_size": patch,
        "in_channels": channels,
        "out_channels": shapes["final_layer.linear.weight"][0] // patch**2,
        "num_layers": layers,
        "attention_head_dim": head,
        "num_attention_heads": width // head,
        "joint_attention_dim": shapes["context_embedder.weight"][1],
        "caption_projection_dim": shapes["context_embedder.weight"][0],
        "pooled_projection_dim": shapes["y_embedder.mlp.0.weight"][1],
        "pos_embed_max_size": isqrt(shapes["pos_embed"][1]),
        "dual_attention_layers": doubly,
        "qk_norm": "rms_norm" if norm else None,
    }


def flux_config(shapes: Shapes) -> dict[str, Any]:
    """A ``FluxTransformer2DModel``."""
    width, channels = shapes["img_in.weight"]
    [head] = shapes["double_blocks.0.img_attn.norm.query_norm.scale"]
    text_axis = head // _ROPE_UNIT
    return {
        "patch_size": 1,
        "in_channels": channels,
        "out_channels": shapes["final_layer.linear.weight"][0],
        "num_layers": count_indexes(shapes, r"double_blocks\.(\d+)\."),
        "num_single_layers": count_indexes(shapes, r"single_blocks\.(\d+)\."),
        "attention_head_dim": head,
        "num_attention_heads": width // head,
        "joint_attention_dim": shapes["txt_in.weight"][1],
        "pooled_projection_dim": shapes["vector_in.in_layer.weight"][1],
        "guidance_embeds": "guidance_in.in_layer.weight" in shapes,
        "axes_dims_rope": [text_axis, (head - text_axis) // 2, (head - text_axis) // 2],
    }


def t5_config(shapes: Shapes) -> dict[str, Any]:
    """A ``T5Config`` of version 1.1, whose feed-forward layers are gated."""
    embedding = shapes.get("shared.weight") or shapes["encoder.embed_tokens.weight"]
    attention = "encoder.block.0.layer.0.SelfAttention"
    buckets, heads = shapes[f"{attention}.relative_attention_bias.weight"]
    feed_forward = "encoder.block.0.layer.1.DenseReluDense.wi_0.weight"
    if feed_forward not in shapes:
        raise IndescribableError("its T5 is of the first version, which neither SD3 nor Flux reads")
    return {
        "vocab_size": embedding[0],
        "d_model": embedding[1],
        "d_kv": shapes[f"{attention}.q.weight"][0] // heads,
        "d_ff": shapes[feed_forward][0],
        "num_layers": count_indexes(shapes, r"encoder\.block\.(\d+)\."),
        "num_heads": heads,
        "relative_attention_num_buckets": buckets,
        "feed_forward_proj": "gated-gelu",
    }


def flow_scheduler(family: Family, transformer: Mapping[str, Any]) -> dict[str, Any]:
    """The family's schedule; Flux schnell, told by its missing guidance embedding, is not shifted."""
    schnell = family == "flux" and not transformer["guidance_embeds"]
    return {
        "num_train_timesteps": 1000,
        **FAMILIES[family].scheduler,
        **({"shift": 1.0, "use_dynamic_shifting": False} if schnell else {}),
    }
