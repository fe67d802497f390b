"""Reading and checking the header of a ``.safetensors`` file, without its tensors and without torch.

The format (https://github.com/huggingface/safetensors#format): eight bytes with the header's length, little
endian; the header, a JSON object ``{name: {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__":
{...}}``; then the data without holes or overlaps. Nothing in such a file is code, but everything in it comes
from a stranger.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from sdweb.errors import PortalError

MAX_HEADER_BYTES: Final = 16 * 2**20
"""The largest headers seen in practice are below 2 MB."""
MAX_HEADER_PARTS: Final = 1_000_000
"""Texts, objects and lists in it: parsed, each takes a hundred times the byte that it may consist of."""
MAX_DIMENSIONS: Final = 8
PICKLE_BEGINNINGS: Final = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""torch.save writes a zip or a bare pickle; read as a length, each of them would be absurd anyway."""

# Bits per element: the newest types are smaller than a byte.
DTYPE_BITS: Final[Mapping[str, int]] = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What the header says about one tensor."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    """First byte, counted from the end of the header; ``end`` is one after the last."""
    end: int


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """A header that was checked against the file's length."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, or () when there is none of that name."""
        found = self.tensors.get(name)
        return found.shape if found else ()


def header_read(path: Path) -> SafetensorsHeader:
    """Read and check one header. Raises ``PortalError`` ``unsafe_format`` or ``broken_file``; ``OSError``
    passes.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(8)
        if prefix.startswith(PICKLE_BEGINNINGS):
            raise _unsafe()
        if len(prefix) < 8:
            raise _broken("it is shorter than a header")
        length = int.from_bytes(prefix, "little")
        if length > MAX_HEADER_BYTES:
            raise _broken(f"its header would be {length:,} bytes long; {MAX_HEADER_BYTES:,} are allowed")
        if 8 + length > size:
            raise _broken("it ends inside its header: still being copied, or cut off")
        raw = file.read(length)
    entries = _parse(raw)
    metadata = _metadata(entries.pop("__metadata__", {}))
    tensors = {name: _tensor(name, entry) for name, entry in entries.items()}
    _require_seamless(tensors, data_length=size - 8 - length)
    return SafetensorsHeader(tensors=tensors, metadata=metadata)


def _parse(raw: bytes) -> dict[str, Any]:
    if sum(raw.count(mark) for mark in (b'"', b"{", b"[")) > MAX_HEADER_PARTS:
        raise _broken("its header has more parts than any real one")
    try:
        parsed = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        raise _broken("its header is not JSON") from None
    if not isinstance(parsed, dict):
        raise _broken("its header is not a JSON object")
    return parsed


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _metadata(entry: object) -> dict[str, str]:
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        raise _broken("its metadata are not texts")
    return entry


def _tensor(name: str, entry: object) -> TensorInfo:
    if not isinstance(entry, dict):
        raise _broken(f"its entry {name[:80]!r} is not a tensor")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise _broken(f"tensor {name[:80]!r} has an unknown type")
    if not _are_sizes(shape) or len(shape) > MAX_DIMENSIONS:
        raise _broken(f"tensor {name[:80]!r} has a wrong shape")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise _broken(f"tensor {name[:80]!r} has wrong offsets")
    begin, end = offsets
    # In bits, so that types smaller than a byte need no rounding.
    if (end - begin) * 8 != math.prod(shape) * DTYPE_BITS[dtype]:
        raise _broken(f"tensor {name[:80]!r} has a length that does not fit its shape")
    return TensorInfo(dtype=dtype, shape=tuple(shape), begin=begin, end=end)


def _are_sizes(value: object) -> TypeGuard[list[int]]:
    # type, not isinstance: JSON's true is a Python int.
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 2**63 for one in value)


def _require_seamless(tensors: Mapping[str, TensorInfo], *, data_length: int) -> None:
    position = 0
    for tensor in sorted(tensors.values(), key=lambda one: (one.begin, one.end)):
        if tensor.begin != position:
            raise _broken("its tensors overlap or leave a hole")
        position = tensor.end
    if position > data_length:
        raise _broken("it ends inside its tensors: still being copied, or cut off")
    if position < data_length:
        raise _broken("it goes on after its last tensor")


def _broken(what: str) -> PortalError:
    return PortalError(
        "broken_file",
        f"This is not a whole safetensors file: {what}.",
        hint="Copy or download it again.",
        status=422,
    )


def _unsafe() -> PortalError:
    return PortalError(
        "unsafe_format",
        "This file is a pickle that was renamed to .safetensors. Loading a pickle can run any program.",
        hint="Get the model as a real .safetensors file.",
        status=422,
    )
