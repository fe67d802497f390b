"""One layer of a network file: the small tensors that say how one weight of a checkpoint changes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True, slots=True)
class Layer:
    """Tensors by their roles, as ``keys`` names them, in the file's dtype."""

    name: str
    """As the file has it, for messages."""
    tensors: Mapping[str, torch.Tensor]
    alpha: float | None = None
    """The change is multiplied by ``alpha / rank``; by 1 without it."""

    @property
    def nbytes(self) -> int:
        """Memory of the tensors in bytes."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.tensors.values())

    def __getitem__(self, role: str) -> torch.Tensor:
        """A tensor in fp32, in which all algebra is done. Raises KeyError."""
        return self.tensors[role].float()

    def get(self, role: str) -> torch.Tensor | None:
        """The same, or None."""
        return self[role] if role in self.tensors else None

    def scale(self, rank: int) -> float:
        """What the change is multiplied by."""
        return 1.0 if self.alpha is None else self.alpha / rank

    def cut(self, rank: int | None) -> "Layer":
        """A LoRA with its first ``rank`` ranks alone, of the strength that they had among the others
        (A1111's ``dyn``); everything else as it is.
        """
        if rank is None or "lora_down" not in self.tensors or "lora_mid" in self.tensors:
            return self
        down, up = self.tensors["lora_down"], self.tensors["lora_up"]
        whole = down.shape[0]
        if rank >= whole:
            return self
        alpha = None if self.alpha is None else self.alpha * rank / whole
        shorter = {"lora_down": down[:rank], "lora_up": up[:, :rank]}
        return replace(self, tensors={**self.tensors, **shorter}, alpha=alpha)

    def to(self, device: torch.device) -> "Layer":
        """The same on ``device``."""
        return replace(self, tensors={role: tensor.to(device) for role, tensor in self.tensors.items()})
