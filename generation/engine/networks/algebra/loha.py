"""LoHa: the Hadamard product of two low-rank matrices (Hyeon-Woo et al. 2021, arXiv:2108.06098), as LyCORIS
keeps it (arXiv:2309.14859).

``hada_w1_a`` is ``[out, rank]`` and ``hada_w1_b`` ``[rank, in * height * width]``, likewise the second pair.
With core tensors ``hada_t1`` and ``hada_t2`` ``[rank, rank, height, width]`` they are ``[rank, out]`` and
``[rank, in]``.
"""

from typing import Final

import torch

from generation.engine.networks.layer import Layer

NEEDS: Final = frozenset({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"})


def change(layer: Layer, _weight: torch.Tensor) -> torch.Tensor:
    """``(w1_a @ w1_b) * (w2_a @ w2_b)`` times ``alpha / rank``."""
    return _factor(layer, 1) * _factor(layer, 2) * layer.scale(layer["hada_w1_b"].shape[0])


def _factor(layer: Layer, number: int) -> torch.Tensor:
    first, second = layer[f"hada_w{number}_a"], layer[f"hada_w{number}_b"]
    core = layer.get(f"hada_t{number}")
    if core is None:
        return first @ second
    return torch.einsum("ijkl,jr,ip->prkl", core, second, first)
