"""ONNX files written by hand: protocol buffers with the few fields that a small network needs.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

FLOAT, INT, INTS = 1, 2, 7
"""Kinds of attributes."""


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def tensor(name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    """A constant; float32 or int64."""
    kind = 1 if values.dtype == np.float32 else 7
    shape = b"".join(_number(1, side) for side in values.shape)
    return shape + _number(2, kind) + _bytes(8, name) + _bytes(9, values.tobytes())


def node(
    operator: str, inputs: Iterable[str], output: str, **attributes: Sequence[int] | int | float
) -> bytes:
    """An operation with one output."""
    head = b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(4, operator)
    return head + b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())


def _attribute(name: str, value: Sequence[int] | int | float) -> bytes:
    if isinstance(value, float):
        return _bytes(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, FLOAT)
    if isinstance(value, int):
        return _bytes(1, name) + _number(3, value) + _number(20, INT)
    return _bytes(1, name) + b"".join(_number(8, each) for each in value) + _number(20, INTS)


def _value(name: str, shape: Sequence[int]) -> bytes:
    sides = b"".join(_bytes(1, _number(1, side)) for side in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, sides)))


def model(
    nodes: Iterable[bytes],
    constants: Iterable[bytes],
    source: tuple[str, Sequence[int]],
    outputs: Iterable[tuple[str, Sequence[int]]],
) -> bytes:
    """The whole file, for operator set 11."""
    graph = b"".join(_bytes(1, each) for each in nodes) + _bytes(2, "graph")
    graph += b"".join(_bytes(5, each) for each in constants)
    graph += _bytes(11, _value(*source)) + b"".join(_bytes(12, _value(*each)) for each in outputs)
    return _number(1, 6) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 11))
