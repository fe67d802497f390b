"""(IA)^3: one factor per output or input channel (Liu et al. 2022, arXiv:2205.05638), as LyCORIS keeps it.

``weight`` has one entry per channel, 0 for no change; ``on_input`` says which side's channels they are.
"""

from typing import Final

import torch

from generation.engine.networks.layer import Layer

NEEDS: Final = frozenset({"weight", "on_input"})


def change(layer: Layer, weight: torch.Tensor) -> torch.Tensor:
    """The weight times the factor of each channel."""
    axis = 1 if bool(layer["on_input"]) else 0
    shape = [1] * weight.ndim
    shape[axis] = weight.shape[axis]
    return weight * layer["weight"].reshape(shape)
