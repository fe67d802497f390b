"""Weights of small models that come as ``.safetensors`` or as PyTorch's own files, without running anybody's
code.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import torch

from generation.engine.checkpoints.header import PICKLE_SUFFIXES, corrupt, header_read
from generation.engine.errors import EngineError

SAFETENSORS: Final = ".safetensors"


def tensors_read(path: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a ``.safetensors`` file, copied into memory, in the file's dtype.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe`` or ``model_corrupt``.
    """
    from safetensors import safe_open

    header_read(path)
    with safe_open(path, framework="pt", device="cpu") as stream:
        # Copies, never views of the mapped file, which may be replaced while the model is in use.
        return {name: stream.get_tensor(name).clone() for name in stream.keys()}  # noqa: SIM118 - no mapping


def weights_read(path: Path) -> Mapping[str, Any]:
    """``tensors_read``, or the content of a ``.pt``, ``.pth``, ``.bin`` or ``.ckpt`` file that holds nothing
    but tensors, numbers and containers of them: PyTorch's restricted unpickler refuses everything else.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe`` or ``model_corrupt``.
    """
    if path.suffix.lower() not in PICKLE_SUFFIXES:
        return tensors_read(path)
    if not path.is_file():
        raise EngineError(
            "model_missing",
            f"The model file {path.name} is not there.",
            hint="Check that the file is still in the models folder and readable by the worker.",
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise EngineError(
            "model_unsafe",
            f"{path.name} holds more than weights: loading it could run a program on this machine, so it is "
            "refused.",
            hint="Get the model as .safetensors.",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise corrupt(path, "it is no file of PyTorch, or is cut off") from error
    if not isinstance(content, Mapping):
        raise corrupt(path, f"it holds a {type(content).__name__} and no table of weights")
    return cast("Mapping[str, Any]", content)
