"""Networks that preprocessors look with, and how their files become modules."""

import contextlib
import importlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Self

import torch

from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.tensors import weights_read
from generation.engine.errors import EngineError
from generation.engine.preprocess.subject import Pixels, Subject
from generation.engine.resident import modules_nbytes

WRAPPERS: Final = ("state_dict", "model", "depth_model")
"""Names under which training code stores the weights beside its own state."""


@dataclass(frozen=True, slots=True)
class Annotator:
    """The loaded networks of one preprocessor, a ``Resident``."""

    modules: tuple[torch.nn.Module, ...]
    """In evaluation mode and float32: the library's detectors compute in nothing else."""
    look: Callable[[Subject], Pixels]
    """Makes the map, on the device where the modules are; does not change the subject."""
    beside: int = 0
    """Bytes of what is no module and stays in main memory."""

    @property
    def nbytes(self) -> int:
        return modules_nbytes(self.modules) + self.beside

    def to(self, device: torch.device) -> Self:
        for module in self.modules:
            module.to(device)
        return self


def library(name: str) -> ModuleType:
    """A module of controlnet-aux. Importing it takes seconds and warns of optional packages, so it happens
    here alone and quietly.

    Raises ``EngineError("package_missing")``.
    """
    try:
        with quiet():
            return importlib.import_module(f"controlnet_aux.{name}")
    # AttributeError: what it raises beside a version of mediapipe that it does not know.
    except (ImportError, AttributeError) as error:
        raise EngineError(
            "package_missing",
            f"The Python package controlnet-aux cannot be used: {error}.",
            hint="Install it on the GPU worker: requirements/gpu.txt has the version.",
            field="controlnet.preprocessor",
        ) from error


def network(
    construct: Callable[[], torch.nn.Module], path: Path, rename: Callable[[str], str] = lambda name: name
) -> torch.nn.Module:
    """The module that ``construct`` makes, filled with the file's weights, frozen, in float32 on the CPU.

    ``rename`` gives a weight's name in the file for its name in the module. The file may hold more than that.
    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe`` or ``model_corrupt``.
    """
    weights = _weights(path)
    # Built without memory or random numbers. PiDiNet draws some nevertheless: they are given back.
    with torch.random.fork_rng(devices=[]), quiet(), torch.device("meta"):
        module = construct()
    wanted = {name: rename(name) for name in module.state_dict()}
    found = {name: weights[stored] for name, stored in wanted.items() if stored in weights}
    try:
        result = module.load_state_dict(found, strict=False, assign=True)
    except RuntimeError as error:
        raise corrupt(path, "its weights have other shapes than this preprocessor's network") from error
    if result.missing_keys:
        raise corrupt(path, f"it holds no {result.missing_keys[0]}, so it belongs to another network")
    return module.requires_grad_(requires_grad=False).float().eval()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Neither prints nor warnings: the library and timm use both for what is no news to anybody."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file by name, without the wrappings of training code and of ``DataParallel``."""
    content: Mapping[str, Any] = weights_read(path)
    for name in WRAPPERS:
        if isinstance(content.get(name), Mapping):
            content = content[name]
            break
    return {
        str(name).removeprefix("module."): value
        for name, value in content.items()
        if isinstance(value, torch.Tensor)
    }
