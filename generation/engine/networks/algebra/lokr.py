"""LoKr: a Kronecker product (Edalati et al. 2022, arXiv:2212.10650), as LyCORIS keeps it (arXiv:2309.14859).

Either factor is whole (``lokr_w1``, ``lokr_w2``) or low-rank (``lokr_w1_a @ lokr_w1_b``); that of a
convolution may have a core tensor ``lokr_t2`` ``[rank, rank, height, width]``, and then ``lokr_w2_a`` is
``[rank, out]`` and ``lokr_w2_b`` ``[rank, in]``.
"""

from typing import Final

import torch

from generation.engine.networks.layer import Layer

NEEDS: Final = (
    frozenset({"lokr_w1", "lokr_w2"}),
    frozenset({"lokr_w1", "lokr_w2_a", "lokr_w2_b"}),
    frozenset({"lokr_w1_a", "lokr_w1_b", "lokr_w2"}),
    frozenset({"lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b"}),
)


def change(layer: Layer, _weight: torch.Tensor) -> torch.Tensor:
    """``kron(w1, w2)``, times ``alpha / rank`` if one of both is low-rank."""
    first, second = _factor(layer, 1), _factor(layer, 2)
    made = torch.kron(first.reshape(*first.shape, *[1] * (second.ndim - 2)), second.contiguous())
    ranks = [layer[f"lokr_w{n}_b"].shape[0] for n in (1, 2) if f"lokr_w{n}_b" in layer.tensors]
    return made * layer.scale(ranks[-1]) if ranks else made


def _factor(layer: Layer, number: int) -> torch.Tensor:
    whole, core = layer.get(f"lokr_w{number}"), layer.get(f"lokr_t{number}")
    if whole is not None:
        return whole
    first, second = layer[f"lokr_w{number}_a"], layer[f"lokr_w{number}_b"]
    if core is None:
        return first @ second
    return torch.einsum("ijkl,jr,ip->prkl", core, second, first)
