"""What the model cache keeps, whatever it is."""

from collections.abc import Iterable
from typing import Protocol, Self

import torch


class Resident(Protocol):
    """A loaded model of any kind. It belongs to the device thread once it is loaded."""

    @property
    def nbytes(self) -> int:
        """Memory of the weights in bytes."""
        ...

    def to(self, device: torch.device) -> Self:
        """Move everything to ``device``, in place. May raise ``torch.OutOfMemoryError``."""
        ...


def modules_nbytes(modules: Iterable[torch.nn.Module]) -> int:
    """Memory of the parameters in bytes."""
    return sum(each.numel() * each.element_size() for module in modules for each in module.parameters())
