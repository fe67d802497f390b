"""LoRA (Hu et al. 2021, arXiv:2106.09685), and LoCon, its convolutions, with a core tensor in between
(LyCORIS: Yeh et al. 2023, arXiv:2309.14859, section 3.1).

``lora_up`` is ``[out, rank]`` or ``[out, rank, 1, 1]``, ``lora_down`` ``[rank, in]`` or
``[rank, in, height, width]``, ``lora_mid`` ``[rank, rank, height, width]``.
"""

from typing import Final

import torch

from generation.engine.networks.layer import Layer

NEEDS: Final = frozenset({"lora_up", "lora_down"})


def change(layer: Layer, _weight: torch.Tensor) -> torch.Tensor:
    """``up @ down``, or with a core tensor the product along its first two axes, times ``alpha / rank``."""
    up, down, mid = layer["lora_up"], layer["lora_down"], layer.get("lora_mid")
    if mid is not None:
        made = torch.einsum("nmkl,in,mj->ijkl", mid, up.flatten(1), down.flatten(1))
    else:
        made = up.flatten(1) @ down.flatten(1)
    return made * layer.scale(down.shape[0])
