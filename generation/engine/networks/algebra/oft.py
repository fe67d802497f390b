"""Orthogonal finetuning: OFT (Qiu et al. 2023, arXiv:2306.07280) and BOFT, its butterflies (Liu et al. 2023,
arXiv:2311.06243), as kohya's sd-scripts and LyCORIS keep them: the output channels are rotated.

``oft_blocks`` is ``[blocks, size, size]``, for BOFT ``[factors, blocks, size, size]``; a rotation is the
Cayley transform of a block's skew part. ``alpha`` times ``out`` bounds their norm, and ``rescale`` scales
each output channel. ``oft_diag`` holds the rotations themselves.
"""

from typing import Final

import torch

from generation.engine.networks.layer import Layer

NEEDS: Final = (frozenset({"oft_blocks"}), frozenset({"oft_diag"}))


def change(layer: Layer, weight: torch.Tensor) -> torch.Tensor:
    """The rotated weight less the weight."""
    rotations = _rotations(layer, weight.shape[0])
    turned = weight.flatten(1)
    if rotations.ndim == 3:
        turned = _turn(rotations.transpose(1, 2), turned)
    else:
        for exponent, factor in enumerate(rotations):
            turned = _butterfly(factor, turned, 2**exponent * factor.shape[-1] // 2)
    rescale = layer.get("rescale")
    if rescale is not None:
        turned = turned * rescale.reshape(-1, 1)
    return turned.reshape(weight.shape) - weight


def _rotations(layer: Layer, channels: int) -> torch.Tensor:
    blocks = layer.get("oft_blocks")
    if blocks is None:
        return layer["oft_diag"]
    skew = blocks - blocks.transpose(-1, -2)
    bound = (layer.alpha or 0.0) * channels
    if bound > 0:
        skew = skew * (bound / skew.norm().clamp_min(bound))
    one = torch.eye(skew.shape[-1], device=skew.device)
    rotations: torch.Tensor = (one + skew) @ torch.linalg.inv(one - skew)
    return rotations


def _turn(blocks: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """``matrix`` ``[blocks * size, n]`` with each block of its rows turned."""
    return (blocks @ matrix.reshape(*blocks.shape[:2], -1)).reshape(matrix.shape)


def _butterfly(blocks: torch.Tensor, matrix: torch.Tensor, half: int) -> torch.Tensor:
    """The same with the rows brought together that lie ``half`` apart, and back."""
    columns = matrix.shape[1]
    paired = matrix.reshape(-1, 2, half, columns).transpose(1, 2).reshape(matrix.shape)
    turned = _turn(blocks, paired)
    return turned.reshape(-1, half, 2, columns).transpose(1, 2).reshape(matrix.shape)
