# mypy: disable-error-code="no-any-return"
"""The compact network of Real-ESRGAN (SRVGGNetCompact), with its parameter names.

All convolutions work at the low resolution; the last one gives scale * scale values per colour,
which are shuffled into place, and the nearest-upsampled input is added.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional


class Compact(nn.Module):
    """[n, 3, h, w] in [0, 1] to [n, 3, h * scale, w * scale], roughly in [0, 1]."""

    def __init__(self, scale: int, features: int = 48, depth: int = 8) -> None:
        super().__init__()
        self.scale = scale
        widths = [3, *[features] * (depth + 1)]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.PReLU(after)]
        last = nn.Conv2d(features, 3 * scale * scale, 3, padding=1)
        with torch.no_grad():  # start close to the nearest-upsampled picture
            last.weight *= 0.1
        self.body = nn.Sequential(*layers, last)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Enlarge a batch."""
        detail = functional.pixel_shuffle(self.body(pictures), self.scale)
        return detail + functional.interpolate(pictures, scale_factor=self.scale, mode="nearest")
