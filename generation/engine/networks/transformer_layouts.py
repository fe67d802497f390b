"""Layers of Flux and SD3 by their original names, beside the modules of diffusers that they consist of.

Sources: the conversions of diffusers (``scripts/convert_flux_to_diffusers.py``,
``scripts/convert_sd3_to_diffusers.py``).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Named = tuple[str, tuple[str, ...], bool]
"""The original name, diffusers' modules end to end, and whether the halves of the output are swapped."""

_FLUX_OUTSIDE: Final[Mapping[str, str]] = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "final_layer.linear": "proj_out",
}
_FLUX_DOUBLE: Final[Mapping[str, tuple[str, ...]]] = {
    "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "img_attn.proj": ("attn.to_out.0",),
    "txt_attn.proj": ("attn.to_add_out",),
    "img_mod.lin": ("norm1.linear",),
    "txt_mod.lin": ("norm1_context.linear",),
    "img_mlp.0": ("ff.net.0.proj",),
    "img_mlp.2": ("ff.net.2",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
}
_FLUX_SINGLE: Final[Mapping[str, tuple[str, ...]]] = {
    "linear1": ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
    "linear2": ("proj_out",),
    "modulation.lin": ("norm.linear",),
}
_SD3_OUTSIDE: Final[Mapping[str, str]] = {
    "x_embedder.proj": "pos_embed.proj",
    "context_embedder": "context_embedder",
    "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
    "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
    "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
    "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
    "final_layer.linear": "proj_out",
}
_SD3_BLOCK: Final[Mapping[str, tuple[str, ...]]] = {
    "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
    "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "x_block.attn.proj": ("attn.to_out.0",),
    "x_block.attn2.proj": ("attn2.to_out.0",),
    "context_block.attn.proj": ("attn.to_add_out",),
    "x_block.adaLN_modulation.1": ("norm1.linear",),
    "context_block.adaLN_modulation.1": ("norm1_context.linear",),
    "x_block.mlp.fc1": ("ff.net.0.proj",),
    "x_block.mlp.fc2": ("ff.net.2",),
    "context_block.mlp.fc1": ("ff_context.net.0.proj",),
    "context_block.mlp.fc2": ("ff_context.net.2",),
}
_LAST_NORM: Final = ("final_layer.adaLN_modulation.1", ("norm_out.linear",), True)
"""The originals compute shift and scale, diffusers scale and shift."""


def pairs(config: Mapping[str, Any]) -> Iterator[Named]:
    """All original layers of a ``FluxTransformer2DModel`` or an ``SD3Transformer2DModel`` of that
    configuration; none of other classes.
    """
    if "num_single_layers" in config:
        yield from _outside(_FLUX_OUTSIDE)
        yield from _blocks("double_blocks", "transformer_blocks", config["num_layers"], _FLUX_DOUBLE)
        yield from _blocks(
            "single_blocks", "single_transformer_blocks", config["num_single_layers"], _FLUX_SINGLE
        )
    elif "joint_attention_dim" in config:
        yield from _outside(_SD3_OUTSIDE)
        count = config["num_layers"]
        # The text's half of the last block computes shift and scale alone, like the last norm.
        swapped = f"joint_blocks.{count - 1}.context_block.adaLN_modulation.1"
        for alias, modules, _ in _blocks("joint_blocks", "transformer_blocks", count, _SD3_BLOCK):
            yield alias, modules, alias == swapped


def _outside(names: Mapping[str, str]) -> Iterator[Named]:
    yield from ((original, (ours,), False) for original, ours in names.items())
    yield _LAST_NORM


def _blocks(original: str, ours: str, count: int, layers: Mapping[str, tuple[str, ...]]) -> Iterator[Named]:
    for number in range(count):
        for layer, modules in layers.items():
            yield (
                f"{original}.{number}.{layer}",
                tuple(f"{ours}.{number}.{module}" for module in modules),
                False,
            )
