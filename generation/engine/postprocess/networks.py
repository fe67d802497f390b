"""Networks from picture to picture, recognised by their tensors: spandrel's table and its extra one."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from spandrel import (
    MAIN_REGISTRY,
    ArchRegistry,
    ImageModelDescriptor,
    ModelLoader,
    UnsupportedModelError,
)
from spandrel_extra_arches import EXTRA_REGISTRY

from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.tensors import weights_read
from generation.engine.errors import EngineError


class Network(Protocol):
    """What is used of spandrel's ``ImageModelDescriptor``: a network with its weights, on a device."""

    model: torch.nn.Module
    scale: int
    input_channels: int
    output_channels: int
    purpose: str
    """``SR``, ``FaceSR`` or ``Restoration``."""
    supports_half: bool
    supports_bfloat16: bool
    device: torch.device
    dtype: torch.dtype
    architecture: Any
    size_requirements: Any
    tiling: Any

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """(1, C, H, W), 0 to 1, in and out; other sizes than it works at are padded by reflection."""
        ...

    def to(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> "Network": ...


def network_load(path: Path, dtype: torch.dtype, *, wanted: str) -> Network:
    """The network in a ``.safetensors`` or ``.pth`` file, on the CPU, in eval mode, in ``dtype`` if it works
    in that and else in fp32.

    ``wanted`` says in the error what the file should have been ("an upscaler"). Raises ``EngineError`` with
    code ``model_missing``, ``model_unsafe``, ``model_corrupt`` or ``model_unsupported``.
    """
    weights = weights_read(path)
    try:
        loaded = ModelLoader(registry=_registry()).load_from_state_dict(dict(weights))
    except UnsupportedModelError as error:
        raise unsupported(path, wanted, _looks_like(weights)) from error
    except (
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        AssertionError,
    ) as error:
        # Its names were recognised, so this is a file of the right kind with tensors missing or misshapen.
        raise corrupt(path, "some of its tensors are missing or have the wrong shape") from error
    if not isinstance(loaded, ImageModelDescriptor):
        raise unsupported(
            path, wanted, f"a network for {loaded.purpose.lower()} ({loaded.architecture.name})"
        )
    network = cast("Network", loaded.eval())
    network.model.requires_grad_(requires_grad=False)
    return network.to(dtype=_dtype_supported(network, dtype))


def unsupported(path: Path, wanted: str, found: str) -> EngineError:
    """The error of a file that is something else than what it was chosen for."""
    return EngineError(
        "model_unsupported",
        f"{path.name} is not {wanted}: it looks like {found}.",
        hint=f"Choose {wanted}, or put the file into the folder of its own kind.",
    )


@cache
def _registry() -> Any:
    """Both of spandrel's tables; neither of them is changed."""
    registry = ArchRegistry()
    for known in (MAIN_REGISTRY, EXTRA_REGISTRY):
        registry.add(*known.architectures("insertion"), ignore_duplicates=True)
    return registry


def _dtype_supported(network: Network, dtype: torch.dtype) -> torch.dtype:
    if dtype == torch.float16 and network.supports_half:
        return dtype
    return dtype if dtype == torch.bfloat16 and network.supports_bfloat16 else torch.float32


def _looks_like(weights: Mapping[str, Any]) -> str:
    if any("lora_" in name or ".lora" in name for name in weights):
        return "a LoRA"
    if any(name.startswith("model.diffusion_model.") for name in weights):
        return "a checkpoint"
    return "no network that is known here"
