"""A whole difference to a weight, which LyCORIS calls full or native; of a norm's weight, ``w_norm``."""

from typing import Final

import torch

from generation.engine.networks.layer import Layer

NEEDS: Final = (frozenset({"diff"}), frozenset({"w_norm"}))


def change(layer: Layer, _weight: torch.Tensor) -> torch.Tensor:
    """The difference as it is."""
    difference = layer.get("diff")
    return layer["w_norm"] if difference is None else difference
