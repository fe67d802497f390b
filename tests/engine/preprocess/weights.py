"""Files of weights in the released formats, for networks of the real size, in some kilobytes.

A tensor in a file of PyTorch's is a piece of storage and strides over it. Strides that meet the same numbers
again make a tensor of any size out of little storage, so the networks of half a gigabyte are loaded and run
here as they are, without such files.
"""

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any, Final

import torch

STRIDES: Final = (13, 7, 3, 1)
"""For out channels, in channels, rows, columns: few places of a kernel share a number."""


def varied(shape: tuple[int, ...], chance: torch.Generator, gain: float = 1.0) -> torch.Tensor:
    """Random weights that keep the size of what passes through them; vectors are small."""
    if len(shape) < 2:
        return torch.randn(shape, generator=chance) * 0.02
    strides = STRIDES[-len(shape) :] if len(shape) <= 4 else (13,) * len(shape)
    length = 1 + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    scale = gain / prod(shape[1:]) ** 0.5
    storage: torch.Tensor = torch.randn(length, generator=chance) * scale
    return storage.as_strided(shape, strides)


def state(
    construct: Callable[[], torch.nn.Module], *, seed: int = 0, gain: float = 1.0
) -> dict[str, torch.Tensor]:
    """Weights of every name and shape that the network has."""
    chance = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        empty = construct().state_dict()
    return {name: _weight(name, tensor, chance, gain) for name, tensor in empty.items()}


def _weight(name: str, empty: torch.Tensor, chance: torch.Generator, gain: float) -> torch.Tensor:
    if not empty.is_floating_point():
        return torch.zeros(empty.shape, dtype=empty.dtype)
    is_scale = name.endswith("running_var") or (name.endswith("weight") and empty.dim() == 1)
    return torch.ones(1).expand(empty.shape) if is_scale else varied(tuple(empty.shape), chance, gain)


def saved(path: Path, content: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(content), path)
    return path
