"""Files of LoRAs and LyCORIS networks, read and checked."""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import torch

from generation.engine.checkpoints.header import PICKLE_SUFFIXES, corrupt, header_read
from generation.engine.checkpoints.tensors import weights_read
from generation.engine.errors import EngineError
from generation.engine.networks.algebra import is_complete
from generation.engine.networks.errors import about
from generation.engine.networks.keys import DENOISER, key_read
from generation.engine.networks.layer import Layer

Place = tuple[str, str]
"""A component and the name of one of its layers, with underscores."""
_WRAPPERS: Final = ("state_dict", "weights")
"""Under which trainers that save PyTorch's own files put the table of tensors."""
_UNFINISHED: Final = frozenset({"weight", "alpha"})
"""What a layer may hold that is no part of a network: whole weights, which some trainers add."""


@dataclass(slots=True)
class LoraFile:
    """A LoRA or a LyCORIS network, of any algorithm; a ``Resident``."""

    name: str
    layers: dict[Place, Layer]

    @property
    def nbytes(self) -> int:
        """Memory of the tensors in bytes."""
        return sum(layer.nbytes for layer in self.layers.values())

    def to(self, device: torch.device) -> Self:
        """Move everything to ``device``. May raise ``torch.OutOfMemoryError``."""
        self.layers = {place: layer.to(device) for place, layer in self.layers.items()}
        return self


def lora_load(path: Path) -> LoraFile:
    """Read a file on the CPU, in its own dtypes.

    Raises ``EngineError`` with field ``loras`` and code ``model_missing``, ``model_unsafe``,
    ``model_corrupt`` or, for a file that is something else, ``model_unsupported``.
    """
    with about("loras"):
        return LoraFile(path.stem, _layers(path, dict(_tensors(weights_read(path)))))


def _layers(path: Path, tensors: Mapping[str, torch.Tensor]) -> dict[Place, Layer]:
    _require_finite(path, tensors)
    roles: defaultdict[Place, dict[str, torch.Tensor]] = defaultdict(dict)
    names: dict[Place, str] = {}
    for name, tensor in tensors.items():
        key = key_read(name)
        if key is not None:
            roles[key.component, key.layer][key.role] = tensor
            names.setdefault((key.component, key.layer), name)
    alphas = _alphas_said(path)
    layers = {place: _layer(path, names[place], each, alphas.get(place[0])) for place, each in roles.items()}
    complete = {place: layer for place, layer in layers.items() if is_complete(layer)}
    if not complete:
        raise EngineError(
            "model_unsupported",
            f"{path.name} cannot be used: it is no LoRA or LyCORIS network.",
            hint="Choose a LoRA file as kohya's scripts, diffusers, peft or LyCORIS write them.",
        )
    for place, layer in layers.items():
        if place not in complete and not layer.tensors.keys() <= _UNFINISHED:
            raise corrupt(path, f"a part of its layer {layer.name} is missing")
    return complete


def _tensors(content: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    for wrapper in _WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    for name, value in content.items():
        if isinstance(value, torch.Tensor):
            yield str(name), value.detach()


def _require_finite(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.float().isfinite().all()):
            raise corrupt(path, f"{name} holds numbers that are not finite")


def _layer(path: Path, name: str, tensors: dict[str, torch.Tensor], said: float | None) -> Layer:
    alpha = tensors.pop("alpha", None)
    if alpha is not None and alpha.numel() != 1:
        raise corrupt(path, f"the alpha beside {name} is not one number")
    if any(tensor.ndim > 5 or not tensor.numel() for tensor in tensors.values()):
        raise corrupt(path, f"{name} or a tensor beside it is empty or has too many axes")
    down = tensors.get("lora_down")
    if alpha is not None:
        return Layer(name, tensors, float(alpha))
    return Layer(name, tensors, said * down.shape[0] if said is not None and down is not None else None)


def _alphas_said(path: Path) -> dict[str, float]:
    """``alpha / rank`` by component as diffusers writes peft's configuration into a file's metadata, where
    the tensors have none.
    """
    if path.suffix.lower() in PICKLE_SUFFIXES:
        return {}
    try:
        said = json.loads(header_read(path).metadata.get("lora_adapter_metadata", "{}"))
    except ValueError:
        return {}
    scales: dict[str, float] = {}
    for prefix in ("unet", "transformer", "text_encoder", "text_encoder_2") if isinstance(said, dict) else ():
        rank, alpha = said.get(f"{prefix}.r"), said.get(f"{prefix}.lora_alpha")
        if isinstance(rank, int | float) and isinstance(alpha, int | float) and rank > 0:
            component = prefix if prefix.startswith("text") else DENOISER
            scales[component] = alpha / (math.sqrt(rank) if said.get(f"{prefix}.use_rslora") else rank)
    return scales
