"""A network by itself, such as a ControlNet: a folder as diffusers saves it, or one file of weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from generation.engine.checkpoints.component_folder import component_files
from generation.engine.checkpoints.header import PICKLE_SUFFIXES, Shape, corrupt, header_read
from generation.engine.checkpoints.info import Tensors, json_read, json_read_if_present
from generation.engine.checkpoints.tensors import weights_read


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSource:
    """What a network's files say before its weights are read."""

    path: Path
    config: Mapping[str, Any]
    """``config.json`` of the folder; for one file that of ``<stem>.config/`` beside it, empty without one."""
    shapes: Mapping[str, Shape]
    """By the files' own names."""
    read: Callable[[], Tensors]
    """Every tensor under the files' own names and in their dtype."""


def network_source(path: Path) -> NetworkSource:
    """Open ``path`` and verify its headers.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe`` or ``model_corrupt``.
    """
    if path.is_dir():
        files = component_files(path)
        config = json_read(path / "config.json")
        return _safetensors(path, files, config)
    config = json_read_if_present(path.with_suffix(".config") / "config.json") or {}
    if path.suffix.lower() not in PICKLE_SUFFIXES:
        return _safetensors(path, [path], config)
    return _pickle(path, config)


def _safetensors(path: Path, files: list[Path], config: Mapping[str, Any]) -> NetworkSource:
    shapes: dict[str, Shape] = {}
    for file in files:
        shapes |= header_read(file).shapes
    return NetworkSource(path=path, config=config, shapes=shapes, read=lambda: _read(files))


def _read(files: list[Path]) -> Tensors:
    from safetensors import safe_open

    for file in files:
        with safe_open(file, framework="pt", device="cpu") as stream:
            for name in stream.keys():  # noqa: SIM118 - not a mapping
                yield name, stream.get_tensor(name)


def _pickle(path: Path, config: Mapping[str, Any]) -> NetworkSource:
    tensors = dict(_named(weights_read(path)))
    if not tensors:
        raise corrupt(path, "it holds no tensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    return NetworkSource(path=path, config=config, shapes=shapes, read=lambda: iter(tensors.items()))


def _named(content: Mapping[str, Any]) -> Tensors:
    """The tensors of a table and of the tables in it, named as in a ``.safetensors`` file: ``state_dict`` is
    a mere wrapping, any other table's name comes before those in it.
    """
    for name, value in content.items():
        if isinstance(value, torch.Tensor):
            yield str(name), value
        elif isinstance(value, Mapping):
            prefix = "" if name == "state_dict" else f"{name}."
            yield from (
                (prefix + str(inner), tensor)
                for inner, tensor in value.items()
                if isinstance(tensor, torch.Tensor)
            )
