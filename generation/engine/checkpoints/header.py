"""The header of a ``.safetensors`` file: names, types and shapes without reading a weight. Needs no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, Final

from generation.engine.errors import EngineError

MAX_HEADER_BYTES: Final = 100_000_000
"""The format's own limit; a larger length field means the file is something else."""
DTYPE_BITS: Final[Mapping[str, int]] = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32,
    "F16": 16, "BF16": 16, "I16": 16, "U16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "I8": 8, "U8": 8, "BOOL": 8,
}  # fmt: skip
PICKLE_MAGICS: Final = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""torch.save writes a zip archive or a bare pickle stream; either can run code when it is loaded."""
PICKLE_SUFFIXES: Final = frozenset({".ckpt", ".pt", ".pth", ".bin", ".pkl"})

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says about itself."""

    shapes: Mapping[str, Shape]
    metadata: Mapping[str, str]
    """Free text of the ``__metadata__`` entry, e.g. ``modelspec.*`` keys."""


def header_read(path: Path) -> Header:
    """Read and verify a header: its tensors must fill the rest of the file, no more and no less.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe`` (a pickle) or ``model_corrupt``.
    """
    refuse_pickle(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            prefix = stream.read(8)
            length = int.from_bytes(prefix, "little")
            if len(prefix) < 8 or length > min(MAX_HEADER_BYTES, size - 8):
                refuse_pickle(path, prefix)
                raise corrupt(path, "its header is cut off or is not a safetensors header")
            entries = json.loads(stream.read(length))
    except OSError as error:
        raise EngineError(
            "model_missing",
            f"The model file {path.name} cannot be read: {error.strerror or error}.",
            hint="Check that the file is still in the models folder and readable by the worker.",
        ) from error
    except ValueError as error:  # covers UnicodeDecodeError and JSONDecodeError
        raise corrupt(path, "its header is not valid JSON") from error
    return _parse(path, entries, size - 8 - length)


def refuse_pickle(path: Path, start: bytes = b"") -> None:
    """Raise ``EngineError("model_unsafe")`` for a file that is a pickle by name or by its first bytes."""
    if path.suffix.lower() in PICKLE_SUFFIXES or start.startswith(PICKLE_MAGICS):
        raise EngineError(
            "model_unsafe",
            f"{path.name} is a pickle: loading it could run any code on this machine, so it is refused.",
            hint="Get the model as .safetensors; most sites offer it beside the .ckpt file.",
        )


def corrupt(path: Path, why: str) -> EngineError:
    return EngineError(
        "model_corrupt",
        f"The model file {path.name} is damaged: {why}.",
        hint="Download it again and compare its SHA-256 with the one on the model's page.",
    )


def _parse(path: Path, entries: Any, data_bytes: int) -> Header:
    if not isinstance(entries, dict):
        raise corrupt(path, "its header is not a table")
    metadata = entries.pop("__metadata__", None) or {}
    shapes: dict[str, Shape] = {}
    spans: list[tuple[int, int]] = []
    try:
        for name, entry in entries.items():
            shape = tuple(int(side) for side in entry["shape"])
            start, end = (int(offset) for offset in entry["data_offsets"])
            if (end - start) * 8 != prod(shape) * DTYPE_BITS[entry["dtype"]]:
                raise corrupt(path, f"the size of {name} does not match its shape")
            shapes[name] = shape
            spans.append((start, end))
        _require_contiguous(path, spans, data_bytes)
        return Header(shapes=shapes, metadata={str(key): str(value) for key, value in dict(metadata).items()})
    except (KeyError, TypeError, ValueError) as error:
        raise corrupt(path, "its header lists a tensor that makes no sense") from error


def _require_contiguous(path: Path, spans: list[tuple[int, int]], data_bytes: int) -> None:
    ordered = [(0, 0), *sorted(spans)]
    if any(end != start for (_, end), (start, _) in pairwise(ordered)):
        raise corrupt(path, "its tensors overlap or leave gaps")
    if ordered[-1][1] != data_bytes:
        raise corrupt(path, f"it holds {data_bytes} bytes of weights and should hold {ordered[-1][1]}")
