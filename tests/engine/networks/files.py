"""Network files with small random weights, for any checkpoint and in any notation."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

Tensors = dict[str, torch.Tensor]
Name = Callable[[str], str]
"""The name of a layer in a file, from its module's."""


def kohya(prefix: str = "lora_unet") -> Name:
    return lambda name: f"{prefix}_{name.replace('.', '_')}"


def dotted(prefix: str = "unet") -> Name:
    return lambda name: f"{prefix}.{name}"


def layers_of(root: nn.Module, *, convolutions: bool = True) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    """Layers that trainers look at: inside of the blocks."""
    for name, module in root.named_modules():
        inside = (
            name.startswith(("down_blocks", "mid_block", "up_blocks")) or "self_attn" in name or "mlp" in name
        )
        if inside and (isinstance(module, nn.Linear) or (convolutions and isinstance(module, nn.Conv2d))):
            yield name, module


def lora_tensors(
    root: nn.Module,
    name_of: Name,
    *,
    seed: int = 0,
    factors: tuple[str, str] = ("lora_down", "lora_up"),
    alpha: float | None = 2.0,
    convolutions: bool = True,
) -> Tensors:
    """A LoRA of rank 4 on all layers, strong enough to be seen."""
    draw = torch.Generator().manual_seed(seed)
    tensors: Tensors = {}
    for name, module in layers_of(root, convolutions=convolutions):
        out, *inner = module.weight.shape
        layer = name_of(name)
        tensors[f"{layer}.{factors[0]}.weight"] = torch.randn(4, *inner, generator=draw) * 0.2
        ones = (1,) * (module.weight.ndim - 2)
        tensors[f"{layer}.{factors[1]}.weight"] = torch.randn(out, 4, *ones, generator=draw) * 0.2
        if alpha is not None:
            tensors[f"{layer}.alpha"] = torch.tensor(alpha)
    return tensors


def saved(tensors: Tensors, path: Path, metadata: dict[str, str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)
    return path
