"""ControlNets in one file: their names in the original layout, and the configuration that shapes show.

Needs no torch. The original layout (``lllyasviel/ControlNet``) is that of Stable Diffusion's own files, by
itself or under ``control_model.``; files for SDXL have diffusers' names.
"""

from collections.abc import Iterator, Mapping
from math import gcd
from typing import Any, Final

from generation.engine.checkpoints.header import Shape
from generation.engine.checkpoints.infer import (
    HEAD_WIDTH,
    NORM_GROUPS,
    UNET_HEADS,
    XL_SIZE_WIDTH,
    IndescribableError,
    count_indexes,
)
from generation.engine.checkpoints.ldm_layout import Pair, resnet_pairs

ORIGINAL_PREFIX: Final = "control_model."
ORIGINAL_SIGN: Final = "input_hint_block.0.weight"
"""Name that no other network of the original layout has; likewise under diffusers' names."""
SIGN: Final = "controlnet_cond_embedding.conv_in.weight"

Shapes = Mapping[str, Shape]


def controlnet_pairs(shapes: Shapes) -> Iterator[Pair]:
    """Module prefixes of the original layout and of diffusers'; ``shapes`` by original name."""
    yield from (
        ("time_embed.0", "time_embedding.linear_1"),
        ("time_embed.2", "time_embedding.linear_2"),
        ("label_emb.0.0", "add_embedding.linear_1"),
        ("label_emb.0.2", "add_embedding.linear_2"),
        ("input_blocks.0.0", "conv_in"),
        ("middle_block.1", "mid_block.attentions.0"),
        ("middle_block_out.0", "controlnet_mid_block"),
    )
    yield from resnet_pairs("middle_block.0", "mid_block.resnets.0")
    yield from resnet_pairs("middle_block.2", "mid_block.resnets.1")
    yield from _down_pairs(shapes)
    for index in range(count_indexes(shapes, r"zero_convs\.(\d+)\.")):
        yield (f"zero_convs.{index}.0", f"controlnet_down_blocks.{index}")
    yield from _hint_pairs(shapes)


def _down_pairs(shapes: Shapes) -> Iterator[Pair]:
    level = layer = 0
    for index in range(1, count_indexes(shapes, r"input_blocks\.(\d+)\.")):
        block = f"input_blocks.{index}"
        if f"{block}.0.op.weight" in shapes:
            yield (f"{block}.0.op", f"down_blocks.{level}.downsamplers.0.conv")
            level, layer = level + 1, 0
            continue
        yield from resnet_pairs(f"{block}.0", f"down_blocks.{level}.resnets.{layer}")
        yield (f"{block}.1", f"down_blocks.{level}.attentions.{layer}")
        layer += 1


def _hint_pairs(shapes: Shapes) -> Iterator[Pair]:
    """The control picture's own convolutions: every second module, the others are activations."""
    ours = "controlnet_cond_embedding"
    last = count_indexes(shapes, r"input_hint_block\.(\d+)\.") - 1
    yield ("input_hint_block.0", f"{ours}.conv_in")
    for block, index in enumerate(range(2, last, 2)):
        yield (f"input_hint_block.{index}", f"{ours}.blocks.{block}")
    yield (f"input_hint_block.{last}", f"{ours}.conv_out")


def controlnet_config(shapes: Shapes) -> dict[str, Any]:
    """A ``ControlNetModel``'s configuration from its ``shapes`` by diffusers' names.

    Attention heads are not visible: SD1.x has 8 of them, SD2.x and SDXL, told by their linear projections,
    heads of 64 channels. Raises KeyError for a missing tensor and ``IndescribableError``.
    """
    levels = count_indexes(shapes, r"down_blocks\.(\d+)\.")
    channels = [shapes[f"down_blocks.{level}.resnets.0.conv2.weight"][0] for level in range(levels)]
    attending = [_attends(shapes, f"down_blocks.{level}") for level in range(levels)]
    linear = len(next((shapes[name] for name in shapes if name.endswith("proj_in.weight")), ())) == 2
    text = next((shapes[name][1] for name in shapes if name.endswith("attn2.to_k.weight")), None)
    middle = _attends(shapes, "mid_block")
    return {
        "in_channels": shapes["conv_in.weight"][1],
        "down_block_types": ["CrossAttnDownBlock2D" if each else "DownBlock2D" for each in attending],
        "mid_block_type": "UNetMidBlock2DCrossAttn" if middle else "UNetMidBlock2D",
        "block_out_channels": channels,
        "layers_per_block": count_indexes(shapes, r"down_blocks\.0\.resnets\.(\d+)\."),
        "transformer_layers_per_block": _depths(shapes, attending, middle=middle),
        "attention_head_dim": [max(1, width // HEAD_WIDTH) for width in channels] if linear else UNET_HEADS,
        "use_linear_projection": linear,
        "norm_num_groups": min(NORM_GROUPS, gcd(*channels)),
        **({"cross_attention_dim": text} if text else {}),
        **_map_config(shapes),
        **_xl_additions(shapes),
    }


def _attends(shapes: Shapes, block: str) -> bool:
    return any(name.startswith(f"{block}.attentions.0.") for name in shapes)


def _depths(shapes: Shapes, attending: list[bool], *, middle: bool) -> list[int]:
    """Transformer layers of each level. The last entry also stands for the middle block."""
    depths = [
        _depth(shapes, f"down_blocks.{level}") if attends else 1 for level, attends in enumerate(attending)
    ]
    if middle:
        depth = _depth(shapes, "mid_block")
        if attending[-1] and depths[-1] != depth:
            raise IndescribableError("its middle block's attention is not as deep as the one before it")
        depths[-1] = depth
    return depths


def _depth(shapes: Shapes, block: str) -> int:
    return count_indexes(shapes, rf"{block}\.attentions\.0\.transformer_blocks\.(\d+)\.")


def _map_config(shapes: Shapes) -> dict[str, Any]:
    """The convolutions that the control picture goes through: every second one widens."""
    prefix = "controlnet_cond_embedding"
    blocks = count_indexes(shapes, rf"{prefix}\.blocks\.(\d+)\.")
    first = shapes[f"{prefix}.conv_in.weight"]
    wider = [shapes[f"{prefix}.blocks.{index}.weight"][0] for index in range(1, blocks, 2)]
    return {
        "conditioning_channels": first[1],
        "conditioning_embedding_out_channels": [first[0], *wider],
    }


def _xl_additions(shapes: Shapes) -> dict[str, Any]:
    embedding = shapes.get("add_embedding.linear_1.weight")
    if embedding is None:
        return {}
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": XL_SIZE_WIDTH,
        "projection_class_embeddings_input_dim": embedding[1],
    }
