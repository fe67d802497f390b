"""The text encoders of SDXL and of Stable Diffusion 2.x as single files hold them: open_clip's names beside
those of transformers.

open_clip keeps a layer's query, key and value as one matrix and the last projection the other way round.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from generation.engine.checkpoints.header import Shape

if TYPE_CHECKING:
    import torch

PREFIX: Final = "conditioner.embedders.1.model."
REFINER_PREFIX: Final = "conditioner.embedders.0.model."
"""SDXL's refiner has no other text encoder before it."""
SD2_PREFIX: Final = "cond_stage_model.model."
HEAD_WIDTH: Final = 64
"""Channels per attention head in every published text model of open_clip."""

_OUTSIDE_LAYERS: Final[Mapping[str, str]] = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
}
_IN_LAYER: Final[Mapping[str, str]] = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
_LAYER: Final = re.compile(r"transformer\.resblocks\.(?P<layer>\d+)\.(?P<rest>.+)")
_MERGED: Final = re.compile(r"attn\.in_proj_(?P<kind>weight|bias)")


def parameters(name: str, tensor: "torch.Tensor") -> Iterator[tuple[str, "torch.Tensor"]]:
    """The parameters of a ``CLIPTextModelWithProjection`` that one original tensor holds.

    ``name`` comes without ``PREFIX``; a name that no layer has is passed on as it is.
    """
    if name == "text_projection":
        yield "text_projection.weight", tensor.T.contiguous()
        return
    found = _LAYER.fullmatch(name)
    if not found:
        yield _OUTSIDE_LAYERS.get(name, name), tensor
        return
    layer = f"text_model.encoder.layers.{found['layer']}"
    merged = _MERGED.fullmatch(found["rest"])
    if merged:
        for part, piece in zip("qkv", tensor.chunk(3), strict=True):
            yield f"{layer}.self_attn.{part}_proj.{merged['kind']}", piece
        return
    module, _, parameter = found["rest"].rpartition(".")
    yield f"{layer}.{_IN_LAYER.get(module, module)}.{parameter}", tensor


def text_config(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """A ``CLIPTextConfig`` off original shapes without ``PREFIX``. Raises KeyError when one is missing."""
    vocabulary, width = shapes["token_embedding.weight"]
    layers = {int(found["layer"]) for name in shapes if (found := _LAYER.fullmatch(name))}
    projection = shapes.get("text_projection") or shapes["text_projection.weight"][::-1]
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "projection_dim": projection[1],
        "intermediate_size": shapes["transformer.resblocks.0.mlp.c_fc.weight"][0],
        "num_hidden_layers": len(layers),
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "max_position_embeddings": shapes["positional_embedding"][0],
        "hidden_act": "gelu",
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
    }


def unprojected_parameters(name: str, tensor: "torch.Tensor") -> "Iterator[tuple[str, torch.Tensor]]":
    """The same for a ``CLIPTextModel``, which has no last projection."""
    for ours, piece in parameters(name, tensor):
        yield ours.removeprefix("text_model."), piece


def penultimate_config(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """Stable Diffusion 2.x reads the last layer but one, so the last is never built."""
    # Its projection is often left out of the file, and is of no use.
    projection = {"text_projection": shapes["token_embedding.weight"]}
    config = text_config({**shapes, **projection})
    return {**config, "num_hidden_layers": config["num_hidden_layers"] - 1}
