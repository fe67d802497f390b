"""How the small tensors of a layer change a weight: one module per algorithm, each with the roles it needs
and a function from a layer and a weight to the change at full strength. All of them work in fp32 on the
weight's device.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import torch

from generation.engine.networks.algebra import dora, full, glora, ia3, loha, lokr, lora, oft
from generation.engine.networks.layer import Layer

__all__ = ["MisfitError", "bias_change", "is_complete", "weight_change"]

_MODULES: Final[tuple[Any, ...]] = (lora, loha, lokr, oft, ia3, glora, full)
_BIASES: Final = ("diff_b", "b_norm")
Change = Callable[[Layer, torch.Tensor], torch.Tensor]


class MisfitError(Exception):
    """A layer does not fit the weight that it is for."""


def _needs(module: Any) -> Iterable[frozenset[str]]:
    return (module.NEEDS,) if isinstance(module.NEEDS, frozenset) else module.NEEDS


_ALGORITHMS: Final[tuple[tuple[frozenset[str], Change], ...]] = tuple(
    (needs, module.change) for module in _MODULES for needs in _needs(module)
)


def is_complete(layer: Layer) -> bool:
    """Whether the layer has all that some algorithm needs."""
    return _algorithm(layer) is not None or any(role in layer.tensors for role in _BIASES)


def weight_change(layer: Layer, weight: torch.Tensor) -> torch.Tensor | None:
    """What to add to ``weight`` (fp32) at strength 1, in its shape; None when only the bias changes.

    Raises ``MisfitError`` when the sizes do not fit the weight's or each other.
    """
    change = _algorithm(layer)
    if change is None:
        return None
    try:
        made = change(layer, weight)
        if made.shape[0] != weight.shape[0]:
            raise MisfitError
        return dora.decomposed(layer, weight, made.reshape(weight.shape))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError, ValueError) as error:
        # torch's words for matrices that cannot be multiplied
        raise MisfitError from error


def bias_change(layer: Layer, channels: int) -> torch.Tensor | None:
    """What to add to a bias of ``channels`` at strength 1, if anything. Raises ``MisfitError``."""
    found = next((layer[role] for role in _BIASES if role in layer.tensors), None)
    if found is None and (bias := layer.get("lora_up_bias")) is not None:
        found = bias * layer.scale(layer["lora_down"].shape[0])
    if found is not None and found.shape != (channels,):
        raise MisfitError
    return found


def _algorithm(layer: Layer) -> Change | None:
    roles = layer.tensors.keys()
    return next((change for needs, change in _ALGORITHMS if needs <= roles), None)
