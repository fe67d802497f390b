"""IP-Adapters in the layout of their authors' files (``h94/IP-Adapter``).

``image_proj.*`` turns what an image encoder says of a picture into tokens, ``ip_adapter.<n>.*`` are keys and
values for the denoiser's cross-attention, numbered 1, 3, 5, ... in the order of diffusers'
``UNet2DConditionModel.attn_processors``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import torch
from torch import nn

from generation.engine.checkpoints.header import Shape, corrupt
from generation.engine.checkpoints.infer import count_indexes
from generation.engine.checkpoints.info import Tensors
from generation.engine.checkpoints.modules import module_fill
from generation.engine.checkpoints.network_source import network_source
from generation.engine.errors import EngineError
from generation.engine.resident import modules_nbytes

FIELD: Final = "ip_adapter"
_PROJECTION: Final = "image_proj."
_ATTENTION: Final = "ip_adapter."
_HEAD_WIDTH: Final = 64
"""Channels of an attention head in the resampler of the "plus" variants."""
_RENAMED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "plain": ((r"^proj\.", "image_embeds."),),
    "full": ((r"^proj\.0\.", "ff.net.0.proj."), (r"^proj\.2\.", "ff.net.2."), (r"^proj\.3\.", "norm.")),
    "plus": (
        (r"^(layers\.\d+)\.0\.norm1\.", r"\1.ln0."),
        (r"^(layers\.\d+)\.0\.norm2\.", r"\1.ln1."),
        (r"^(layers\.\d+)\.0\.to_out\.", r"\1.attn.to_out.0."),
        (r"^(layers\.\d+)\.0\.", r"\1.attn."),
        (r"^(layers\.\d+)\.1\.0\.", r"\1.ff.0."),
        (r"^(layers\.\d+)\.1\.1\.", r"\1.ff.1.net.0.proj."),
        (r"^(layers\.\d+)\.1\.3\.", r"\1.ff.1.net.2."),
    ),
}
"""By variant, from the file's names to those of diffusers' projections."""


class ImageAttention(nn.Module):
    """Keys and values of a picture's tokens for every cross-attention of a denoiser, in its order."""

    def __init__(self, shapes: Sequence[tuple[Shape, Shape]]) -> None:
        super().__init__()
        self.keys = nn.ParameterList([torch.empty(key) for key, _ in shapes])
        self.values = nn.ParameterList([torch.empty(value) for _, value in shapes])


@dataclass(frozen=True, slots=True)
class IpAdapter:
    """A loaded IP-Adapter."""

    projection: Any
    """From what the image encoder says, ``[n, width]`` or ``[n, patches, width]``, to
    ``[n, tokens, text width]``.
    """
    attention: ImageAttention
    input_width: int
    """Of what the projection takes."""
    sees_patches: bool
    """Whether it takes the encoder's second last hidden states instead of its embedding."""

    @property
    def nbytes(self) -> int:
        return modules_nbytes([self.projection, self.attention])

    def to(self, device: torch.device) -> Self:
        self.projection.to(device)
        self.attention.to(device)
        return self

    def misfit(self, unet: nn.Module) -> str:
        """Why it cannot show this denoiser pictures; empty when it can."""
        layers = [attention for _, attention in cross_attentions(unet)]
        if len(layers) != len(self.attention.keys):
            return f"it has {len(self.attention.keys)} layers of attention, the checkpoint {len(layers)}"
        for own, layer in zip(self.attention.keys, layers, strict=True):
            if own.shape != layer.to_k.weight.shape:
                return (
                    f"its attention is of the shape {tuple(own.shape)}, not {tuple(layer.to_k.weight.shape)}"
                )
        return ""


def cross_attentions(unet: nn.Module) -> Iterator[tuple[str, Any]]:
    """The attention layers of a denoiser that read the text, in diffusers' order."""
    return ((name, module) for name, module in unet.named_modules() if name.endswith(".attn2"))


def ip_adapter_load(path: Path, dtype: torch.dtype) -> IpAdapter:
    """Load an IP-Adapter on the CPU in ``dtype``: a ``.safetensors`` file, or a ``.bin`` that holds nothing
    but tensors.

    Raises ``EngineError`` with field ``ip_adapter`` and code ``model_missing``, ``model_unsupported``,
    ``model_unsafe`` or ``model_corrupt``.
    """
    try:
        return _load(path, dtype)
    except EngineError as error:
        error.field = error.field or FIELD
        raise


def unsupported(path: Path, why: str, *, field: str = FIELD) -> EngineError:
    """The error of a file that cannot show the denoiser pictures."""
    return EngineError(
        "model_unsupported",
        f"{path.name} cannot be used: {why}.",
        hint="Choose an IP-Adapter for the checkpoint's family, and the image encoder that it names.",
        field=field,
    )


def _load(path: Path, dtype: torch.dtype) -> IpAdapter:
    source = network_source(path)
    projection = _below(source.shapes, _PROJECTION)
    layers = _below(source.shapes, _ATTENTION)
    if not projection or not layers:
        raise unsupported(path, "it has no tensors named image_proj.* and ip_adapter.*, as IP-Adapters have")
    variant = _variant(path, projection)
    try:
        module = _EMPTY[variant](projection)
        with torch.device("meta"):
            attention = ImageAttention(_pairs(layers))
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError) as error:
        raise corrupt(path, f"a tensor is missing or makes no sense ({error})") from error
    read = [(name, tensor) for name, tensor in source.read() if name.startswith((_PROJECTION, _ATTENTION))]
    module_fill(path, "projection", module, _projection_tensors(read, variant), dtype)
    module_fill(path, "attention", attention, _attention_tensors(read), dtype)
    return IpAdapter(
        projection=module,
        attention=attention,
        input_width=_input_width(projection, variant),
        sees_patches=variant != "plain",
    )


def _below(shapes: Mapping[str, Shape], prefix: str) -> dict[str, Shape]:
    return {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}


def _variant(path: Path, shapes: Mapping[str, Shape]) -> str:
    """``plain``: four tokens of one embedding. ``full``: one of every patch. ``plus``: resampled patches."""
    if "proj.weight" in shapes:
        return "plain"
    if "proj.3.weight" in shapes:
        return "full"
    if "latents" in shapes:
        return "plus"
    if any(name.startswith(("perceiver_resampler.", "proj.0.")) for name in shapes):
        raise unsupported(path, "it looks at faces through another network than CLIP (FaceID)")
    raise unsupported(path, "its projection is of no known kind")


def _input_width(shapes: Mapping[str, Shape], variant: str) -> int:
    first = {"plain": "proj.weight", "full": "proj.0.weight", "plus": "proj_in.weight"}[variant]
    return shapes[first][1]


def _plain(shapes: Mapping[str, Shape]) -> nn.Module:
    from diffusers.models.embeddings import ImageProjection

    out, width = shapes["proj.weight"]
    text = shapes["norm.weight"][0]
    with torch.device("meta"):
        return ImageProjection(width, text, out // text)


def _full(shapes: Mapping[str, Shape]) -> nn.Module:
    from diffusers.models.embeddings import IPAdapterFullImageProjection

    with torch.device("meta"):
        return IPAdapterFullImageProjection(shapes["proj.0.weight"][1], shapes["proj.3.weight"][0])


def _plus(shapes: Mapping[str, Shape]) -> nn.Module:
    from diffusers.models.embeddings import IPAdapterPlusImageProjection

    _, queries, hidden = shapes["latents"]
    with torch.device("meta"):
        return IPAdapterPlusImageProjection(
            embed_dims=shapes["proj_in.weight"][1],
            output_dims=shapes["proj_out.weight"][0],
            hidden_dims=hidden,
            depth=count_indexes(shapes, r"layers\.(\d+)\."),
            dim_head=_HEAD_WIDTH,
            heads=shapes["layers.0.0.to_q.weight"][0] // _HEAD_WIDTH,
            num_queries=queries,
            ffn_ratio=shapes["layers.0.1.1.weight"][0] / hidden,
        )


_EMPTY: Final = {"plain": _plain, "full": _full, "plus": _plus}


def _pairs(shapes: Mapping[str, Shape]) -> list[tuple[Shape, Shape]]:
    numbers = sorted({int(name.partition(".")[0]) for name in shapes})
    if numbers != list(range(1, 2 * len(numbers), 2)):
        raise ValueError(f"its layers are numbered {numbers}")
    return [(shapes[f"{n}.to_k_ip.weight"], shapes[f"{n}.to_v_ip.weight"]) for n in numbers]


def _projection_tensors(read: Sequence[tuple[str, torch.Tensor]], variant: str) -> Tensors:
    for name, tensor in read:
        if not name.startswith(_PROJECTION):
            continue
        ours = name.removeprefix(_PROJECTION)
        for pattern, replacement in _RENAMED[variant]:
            ours, found = re.subn(pattern, replacement, ours)
            if found:
                break
        if ".to_kv." in ours:
            key, value = tensor.chunk(2)
            yield ours.replace("to_kv", "to_k"), key
            yield ours.replace("to_kv", "to_v"), value
        else:
            yield ours, tensor


def _attention_tensors(read: Sequence[tuple[str, torch.Tensor]]) -> Tensors:
    for name, tensor in read:
        found = re.fullmatch(rf"{re.escape(_ATTENTION)}(\d+)\.to_([kv])_ip\.weight", name)
        if found:
            yield f"{'keys' if found[2] == 'k' else 'values'}.{int(found[1]) // 2}", tensor
