"""Names of SD3's and Flux's transformers in their original files beside those of diffusers.

The original files keep query, key and value of a layer as one matrix (Flux's single blocks also the first
half of the feed-forward layer), and the last modulation's halves the other way round.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch

    from generation.engine.checkpoints.sources import Translate

Config = Mapping[str, Any]

SWAPPED: Final = "~"
"""In front of a new name: its halves change places."""

SD3_OUTSIDE: Final[Mapping[str, str]] = {
    "pos_embed": "pos_embed.pos_embed",
    "x_embedder.proj": "pos_embed.proj",
    "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
    "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
    "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
    "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
    "context_embedder": "context_embedder",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": f"{SWAPPED}norm_out.linear",
}
SD3_BLOCK: Final[Mapping[str, str]] = {
    "x_block.attn.proj": "attn.to_out.0",
    "x_block.attn.ln_q": "attn.norm_q",
    "x_block.attn.ln_k": "attn.norm_k",
    "x_block.attn2.proj": "attn2.to_out.0",
    "x_block.attn2.ln_q": "attn2.norm_q",
    "x_block.attn2.ln_k": "attn2.norm_k",
    "x_block.adaLN_modulation.1": "norm1.linear",
    "x_block.mlp.fc1": "ff.net.0.proj",
    "x_block.mlp.fc2": "ff.net.2",
    "context_block.attn.proj": "attn.to_add_out",
    "context_block.attn.ln_q": "attn.norm_added_q",
    "context_block.attn.ln_k": "attn.norm_added_k",
    "context_block.adaLN_modulation.1": "norm1_context.linear",
    "context_block.mlp.fc1": "ff_context.net.0.proj",
    "context_block.mlp.fc2": "ff_context.net.2",
}
SD3_MERGED: Final[Mapping[str, Sequence[str]]] = {
    "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
    "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
}
SD3_LAST: Final = "context_block.adaLN_modulation.1"
"""In the last block the text is only read: its modulation, like the final one, is shift and scale alone."""

FLUX_OUTSIDE: Final[Mapping[str, str]] = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": f"{SWAPPED}norm_out.linear",
}
FLUX_DOUBLE: Final[Mapping[str, str]] = {
    "img_mod.lin": "norm1.linear",
    "txt_mod.lin": "norm1_context.linear",
    "img_attn.norm.query_norm": "attn.norm_q",
    "img_attn.norm.key_norm": "attn.norm_k",
    "txt_attn.norm.query_norm": "attn.norm_added_q",
    "txt_attn.norm.key_norm": "attn.norm_added_k",
    "img_attn.proj": "attn.to_out.0",
    "txt_attn.proj": "attn.to_add_out",
    "img_mlp.0": "ff.net.0.proj",
    "img_mlp.2": "ff.net.2",
    "txt_mlp.0": "ff_context.net.0.proj",
    "txt_mlp.2": "ff_context.net.2",
}
FLUX_DOUBLE_MERGED: Final[Mapping[str, Sequence[str]]] = {
    "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
}
FLUX_SINGLE: Final[Mapping[str, str]] = {
    "modulation.lin": "norm.linear",
    "norm.query_norm": "attn.norm_q",
    "norm.key_norm": "attn.norm_k",
    "linear2": "proj_out",
}
FLUX_SINGLE_MERGED: Final = ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")
_BLOCK: Final = re.compile(r"(joint_blocks|double_blocks|single_blocks)\.(\d+)\.(.+)\.(weight|bias|scale)")


def sd3_translate(config: Config) -> "Translate":
    """For the tensors of an ``SD3Transformer2DModel`` of ``config``, named without prefix."""
    return partial(_sd3, config["num_layers"] - 1)


def flux_translate(config: Config) -> "Translate":
    """For the tensors of a ``FluxTransformer2DModel`` of ``config``, named without prefix."""
    return partial(_flux, config["num_attention_heads"] * config["attention_head_dim"])


def _sd3(last: int, name: str, tensor: "torch.Tensor") -> "Iterator[tuple[str, torch.Tensor]]":
    found = _BLOCK.fullmatch(name)
    if not found:
        yield _outside(SD3_OUTSIDE, name, tensor)
        return
    _, index, module, parameter = found.groups()
    block = f"transformer_blocks.{index}"
    if module in SD3_MERGED:
        yield from _split(block, SD3_MERGED[module], parameter, tensor.chunk(3))
        return
    if module == SD3_LAST and int(index) == last:
        tensor = _halves_swapped(tensor)
    yield f"{block}.{SD3_BLOCK.get(module, module)}.{parameter}", tensor


def _flux(width: int, name: str, tensor: "torch.Tensor") -> "Iterator[tuple[str, torch.Tensor]]":
    found = _BLOCK.fullmatch(name)
    if not found:
        yield _outside(FLUX_OUTSIDE, name, tensor)
        return
    kind, index, module, parameter = found.groups()
    parameter = "weight" if parameter == "scale" else parameter
    single = kind == "single_blocks"
    block = f"{'single_transformer_blocks' if single else 'transformer_blocks'}.{index}"
    if single and module == "linear1":
        rest = len(tensor) - 3 * width
        pieces = tensor.split((width, width, width, rest)) if rest > 0 else tensor.chunk(4)
        yield from _split(block, FLUX_SINGLE_MERGED, parameter, pieces)
    elif not single and module in FLUX_DOUBLE_MERGED:
        yield from _split(block, FLUX_DOUBLE_MERGED[module], parameter, tensor.chunk(3))
    else:
        names = FLUX_SINGLE if single else FLUX_DOUBLE
        yield f"{block}.{names.get(module, module)}.{parameter}", tensor


def _outside(names: Mapping[str, str], name: str, tensor: "torch.Tensor") -> "tuple[str, torch.Tensor]":
    if name in names:
        return names[name], tensor
    module, _, parameter = name.rpartition(".")
    ours = names.get(module, module)
    if ours.startswith(SWAPPED):
        return f"{ours.removeprefix(SWAPPED)}.{parameter}", _halves_swapped(tensor)
    return f"{ours}.{parameter}", tensor


def _split(
    block: str, modules: Sequence[str], parameter: str, pieces: "Sequence[torch.Tensor]"
) -> "Iterator[tuple[str, torch.Tensor]]":
    # Not strict: a tensor of a wrong shape becomes pieces of wrong shapes, which are refused by name.
    for module, piece in zip(modules, pieces, strict=False):
        yield f"{block}.{module}.{parameter}", piece


def _halves_swapped(tensor: "torch.Tensor") -> "torch.Tensor":
    import torch

    return torch.cat(tensor.chunk(2)[::-1])
