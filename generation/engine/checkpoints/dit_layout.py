"""Names of SD3's and Flux's transformers in their original files beside those of diffusers.

The original files keep query, key and value of a layer as one matrix (Flux's single blocks also the first
half of the feed-forward layer), and the last modulation's halves the other way round. Sources: the
conversions of diffusers (``scripts/convert_flux_to_diffusers.py``, ``scripts/convert_sd3_to_diffusers.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch

    from generation.engine.checkpoints.sources import Translate

Config = Mapping[str, Any]
Named = tuple[str, tuple[str, ...], bool]
"""The original name, diffusers' modules end to end, and whether the halves of the output are swapped."""
Layers = Mapping[str, tuple[str, ...]]

_LAST_NORM: Final = ("final_layer.adaLN_modulation.1", ("norm_out.linear",), True)
"""The originals compute shift and scale, diffusers scale and shift."""
_FLUX_OUTSIDE: Final[Layers] = {
    "img_in": ("x_embedder",),
    "txt_in": ("context_embedder",),
    "time_in.in_layer": ("time_text_embed.timestep_embedder.linear_1",),
    "time_in.out_layer": ("time_text_embed.timestep_embedder.linear_2",),
    "vector_in.in_layer": ("time_text_embed.text_embedder.linear_1",),
    "vector_in.out_layer": ("time_text_embed.text_embedder.linear_2",),
    "guidance_in.in_layer": ("time_text_embed.guidance_embedder.linear_1",),
    "guidance_in.out_layer": ("time_text_embed.guidance_embedder.linear_2",),
    "final_layer.linear": ("proj_out",),
}
_FLUX_DOUBLE: Final[Layers] = {
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
_FLUX_SINGLE: Final[Layers] = {
    "linear1": ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
    "linear2": ("proj_out",),
    "modulation.lin": ("norm.linear",),
}
_FLUX_DOUBLE_NORMS: Final[Layers] = {
    "img_attn.norm.query_norm": ("attn.norm_q",),
    "img_attn.norm.key_norm": ("attn.norm_k",),
    "txt_attn.norm.query_norm": ("attn.norm_added_q",),
    "txt_attn.norm.key_norm": ("attn.norm_added_k",),
}
_FLUX_SINGLE_NORMS: Final[Layers] = {
    "norm.query_norm": ("attn.norm_q",),
    "norm.key_norm": ("attn.norm_k",),
}
_SD3_OUTSIDE: Final[Layers] = {
    "x_embedder.proj": ("pos_embed.proj",),
    "context_embedder": ("context_embedder",),
    "t_embedder.mlp.0": ("time_text_embed.timestep_embedder.linear_1",),
    "t_embedder.mlp.2": ("time_text_embed.timestep_embedder.linear_2",),
    "y_embedder.mlp.0": ("time_text_embed.text_embedder.linear_1",),
    "y_embedder.mlp.2": ("time_text_embed.text_embedder.linear_2",),
    "final_layer.linear": ("proj_out",),
}
_SD3_BLOCK: Final[Layers] = {
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
_SD3_NORMS: Final[Layers] = {
    "x_block.attn.ln_q": ("attn.norm_q",),
    "x_block.attn.ln_k": ("attn.norm_k",),
    "x_block.attn2.ln_q": ("attn2.norm_q",),
    "x_block.attn2.ln_k": ("attn2.norm_k",),
    "context_block.attn.ln_q": ("attn.norm_added_q",),
    "context_block.attn.ln_k": ("attn.norm_added_k",),
}
_POSITIONS: Final = ("pos_embed", "pos_embed.pos_embed")
"""SD3's positions, the one tensor that belongs to no layer."""


def layer_pairs(config: Config) -> Iterator[Named]:
    """All original layers of a ``FluxTransformer2DModel`` or an ``SD3Transformer2DModel`` of that
    configuration; none of other classes.
    """
    if "num_single_layers" in config:
        yield from _named(_FLUX_OUTSIDE)
        yield _LAST_NORM
        yield from _double(config, _FLUX_DOUBLE)
        yield from _single(config, _FLUX_SINGLE)
    elif "joint_attention_dim" in config:
        yield from _named(_SD3_OUTSIDE)
        yield _LAST_NORM
        # The text's half of the last block computes shift and scale alone, like the last norm.
        swapped = f"joint_blocks.{config['num_layers'] - 1}.context_block.adaLN_modulation.1"
        for original, modules, _ in _joint(config, _SD3_BLOCK):
            yield original, modules, original == swapped


def norm_pairs(config: Config) -> Iterator[Named]:
    """The same for the norms of queries and keys."""
    if "num_single_layers" in config:
        yield from _double(config, _FLUX_DOUBLE_NORMS)
        yield from _single(config, _FLUX_SINGLE_NORMS)
    else:
        yield from _joint(config, _SD3_NORMS)


def _double(config: Config, layers: Layers) -> Iterator[Named]:
    return _blocks("double_blocks", "transformer_blocks", config["num_layers"], layers)


def _single(config: Config, layers: Layers) -> Iterator[Named]:
    return _blocks("single_blocks", "single_transformer_blocks", config["num_single_layers"], layers)


def _joint(config: Config, layers: Layers) -> Iterator[Named]:
    return _blocks("joint_blocks", "transformer_blocks", config["num_layers"], layers)


def _blocks(original: str, ours: str, count: int, layers: Layers) -> Iterator[Named]:
    for number in range(count):
        yield from _named(layers, f"{original}.{number}.", f"{ours}.{number}.")


def _named(layers: Layers, original: str = "", ours: str = "") -> Iterator[Named]:
    for layer, modules in layers.items():
        yield f"{original}{layer}", tuple(f"{ours}{module}" for module in modules), False


def transformer_translate(config: Config) -> "Translate":
    """For the tensors of a transformer of ``config``, named as in its original file without prefix."""
    table = {name: (modules, swap) for name, modules, swap in chain(layer_pairs(config), norm_pairs(config))}
    return partial(_translated, table, config["num_attention_heads"] * config["attention_head_dim"])


def _translated(
    table: Mapping[str, tuple[tuple[str, ...], bool]], width: int, name: str, tensor: "torch.Tensor"
) -> "Iterator[tuple[str, torch.Tensor]]":
    original, ours = _POSITIONS
    if name == original:
        yield ours, tensor
        return
    layer, _, parameter = name.rpartition(".")
    modules, swapped = table.get(layer, ((layer,), False))
    # Flux's norms call their weight "scale". Not strict: a tensor of a wrong shape becomes pieces of wrong
    # shapes, which are refused by name.
    for module, piece in zip(modules, _pieces(tensor, len(modules), width), strict=False):
        yield (
            f"{module}.{'weight' if parameter == 'scale' else parameter}",
            _halves_swapped(piece) if swapped else piece,
        )


def _pieces(tensor: "torch.Tensor", count: int, width: int) -> "Sequence[torch.Tensor]":
    """Equal parts; of four, query, key and value are ``width`` high, and the feed-forward layer the rest."""
    rest = len(tensor) - 3 * width
    return tensor.split((width, width, width, rest)) if count == 4 and rest > 0 else tensor.chunk(count)


def _halves_swapped(tensor: "torch.Tensor") -> "torch.Tensor":
    import torch

    return torch.cat(tensor.chunk(2)[::-1])
