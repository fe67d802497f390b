"""DoRA: the changed weight brought to a learned length (Liu et al. 2024, arXiv:2402.09353).

peft's ``lora_magnitude_vector`` has a length for each output channel. LyCORIS' ``dora_scale`` has them on the
side that its shape tells: ``[out, 1, ...]``, or ``[1, in, ...]`` in files from before it could choose.
"""

import torch

from generation.engine.networks.layer import Layer


def decomposed(layer: Layer, weight: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
    """``change`` as it is, or where the layer is a DoRA, such that the sum has the learned lengths."""
    lengths, axis = layer.get("magnitude"), 0
    if lengths is None:
        lengths = layer.get("dora_scale")
        if lengths is None:
            return change
        axis = 1 if lengths.ndim > 1 and lengths.shape[0] == 1 and lengths.shape[1] != 1 else 0
    summed = weight + change
    others = tuple(place for place in range(weight.ndim) if place != axis)
    tiny = torch.finfo(torch.float32).tiny
    norm = torch.linalg.vector_norm(summed, dim=others, keepdim=True).clamp_min(tiny)
    made: torch.Tensor = summed * (lengths.reshape(norm.shape) / norm) - weight
    return made
