"""GLoRA: a low-rank addition, and another one that depends on the weight (Chavan et al. 2023,
arXiv:2306.07967), as LyCORIS keeps it.

Files of LyCORIS 2 hold ``a1`` ``[in, rank]``, ``a2`` ``[rank, in]``, ``b1`` ``[out, rank]`` and ``b2``
``[rank, in]``; before, the two of each pair were the other way round.
"""

from typing import Final

import torch

from generation.engine.networks.layer import Layer

NEEDS: Final = frozenset({"a1", "a2", "b1", "b2"})


def change(layer: Layer, weight: torch.Tensor) -> torch.Tensor:
    """``W @ a1 @ a2 + b1 @ b2`` times ``alpha / rank``."""
    a1, a2, b1, b2 = (layer[role].flatten(1) for role in ("a1", "a2", "b1", "b2"))
    core = layer.get("bm")
    rank = a1.shape[1]
    if rank != a2.shape[0] or rank != b1.shape[1] or a1.shape[0] != weight.shape[1]:
        a1, a2, b1, b2 = a2, a1, b2, b1
        rank = a1.shape[1]
    added = b1 @ b2 if core is None else torch.einsum("nmkl,in,mj->ijkl", core, b1, b2)
    scaled = torch.einsum("oi...,ij->oj...", weight, a1 @ a2)
    return (scaled + added.reshape(weight.shape)) * layer.scale(rank)
