# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Low-rank additions to a UNet's weights, under the names that kohya's sd-scripts gives them.

The rank falls with the resolution that a layer works at: strokes and colours are decided at 16 x 16
latent cells, where this UNet has only convolutions. sd-scripts calls that ``block_dims`` and
``conv_block_dims``; loaders read each layer's rank from its tensors.
"""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.utils import parametrize

RANKS = (8, 4, 1)  # at 16 x 16, 8 x 8 and 4 x 4 latent cells
ALPHA = 1.0  # the same for all: diffusers 0.42 loses the alphas of attention layers where they differ
_LEVELS = {"down_blocks.0": 0, "up_blocks.2": 0, "down_blocks.1": 1, "up_blocks.1": 1}
# The modules in which sd-scripts looks for linear layers and convolutions.
_HOSTS = ("Transformer2DModel", "ResnetBlock2D", "Downsample2D", "Upsample2D")


class LowRank(nn.Module):
    """Adds ``up @ down`` to a weight of shape (out, in) or (out, in, height, width)."""

    def __init__(self, weight: torch.Tensor, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(rank, *weight.shape[1:]))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight with its addition."""
        return weight + (self.up @ self.down.flatten(1)).view_as(weight)


def _layers(unet: nn.Module) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    for host_name, host in unet.named_modules():
        if type(host).__name__ in _HOSTS:
            for name, layer in host.named_modules():
                if isinstance(layer, nn.Linear | nn.Conv2d):
                    yield f"{host_name}.{name}", layer


def attach(unet: nn.Module, seed: int) -> dict[str, LowRank]:
    """Freeze a UNet and add trainable low-rank parts to it; gives them by the name of their layer."""
    torch.manual_seed(seed)
    unet.requires_grad_(requires_grad=False)
    parts: dict[str, LowRank] = {}
    for name, layer in list(_layers(unet)):
        rank = RANKS[_LEVELS.get(".".join(name.split(".")[:2]), 2)]
        parts[name] = LowRank(layer.weight, rank)
        parametrize.register_parametrization(layer, "weight", parts[name])
    return parts


def kohya_tensors(parts: dict[str, LowRank]) -> dict[str, torch.Tensor]:
    """Half-precision tensors by kohya's names; loaders multiply by ``alpha / rank``, which is undone here."""
    found: dict[str, torch.Tensor] = {}
    for name, part in parts.items():
        prefix = "lora_unet_" + name.replace(".", "_")
        down = part.down.detach()
        up = part.up.detach() * (len(down) / ALPHA)
        found[f"{prefix}.lora_down.weight"] = down.half().contiguous()
        found[f"{prefix}.lora_up.weight"] = up.view(*up.shape, *(1,) * (down.ndim - 2)).half().contiguous()
        found[f"{prefix}.alpha"] = torch.tensor(ALPHA, dtype=torch.float16)
    return found
