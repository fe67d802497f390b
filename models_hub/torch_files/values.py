"""What a pickle of weights may consist of, and which names it may call."""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from models_hub.safetensors_header import DTYPE_BITS, MAX_DIMENSIONS
from models_hub.torch_files.errors import broken, unsafe

STORAGES: Final[Mapping[str, str]] = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL",
}  # fmt: skip
"""Classes of ``torch``, and what safetensors calls the type of their elements."""
MAX_SIZE: Final = 2**63


@dataclass(frozen=True, slots=True)
class Global:
    """A name that the pickle imports."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"[:100]


@dataclass(frozen=True, slots=True)
class Storage:
    """A block of numbers that lies elsewhere in the file."""

    dtype: str
    key: str
    numel: int

    @property
    def nbytes(self) -> int:
        return self.numel * DTYPE_BITS[self.dtype] // 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Husk:
    """An object that the pickle would make, of which only its class and its state are known."""

    kind: Global
    state: Any = None


DICT: Final = Global("collections", "OrderedDict")
TENSOR: Final = Global("torch._utils", "_rebuild_tensor_v2")
OLD_TENSOR: Final = Global("torch._utils", "_rebuild_tensor")
PARAMETER: Final = Global("torch._utils", "_rebuild_parameter")
SIZE: Final = Global("torch", "Size")
ALLOWED: Final = frozenset(
    {DICT, TENSOR, OLD_TENSOR, PARAMETER, SIZE, *(Global("torch", name) for name in STORAGES)}
)


def called(function: object, arguments: object) -> Any:
    """What a call makes. Raises ``PortalError`` for every call that makes no weights."""
    if not isinstance(function, Global):
        raise unsafe("it calls something that it made itself")
    if not isinstance(arguments, tuple):
        raise broken("a call in it has no arguments")
    if function == DICT and not arguments:
        return OrderedDict()
    if function in (TENSOR, OLD_TENSOR):
        return _tensor(arguments, is_old=function == OLD_TENSOR)
    if function == PARAMETER and arguments and isinstance(arguments[0], Tensor):
        if len(arguments) != 3 or type(arguments[1]) is not bool:
            raise broken("one of its parameters is incomplete")
        return arguments[0]
    if function == SIZE and len(arguments) == 1:
        return arguments[0]
    raise unsafe(f"it calls {function}")


def stored(identity: object) -> Storage:
    """The storage that a persistent id names: ``("storage", class, key, device, elements)``. In files of
    before 1.6 None follows: it is no part of another one.
    """
    if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
        raise unsafe("it refers to something that is not in the file")
    _, kind, key, device, numel, *part = identity
    if not isinstance(kind, Global) or kind.module != "torch" or kind.name not in STORAGES:
        raise unsafe(f"it stores {kind}" if isinstance(kind, Global) else "it stores something unknown")
    if not isinstance(key, str) or not isinstance(device, str) or not _is_size(numel):
        raise broken("one of its storages has no name or no size")
    if part not in ([], [None]):
        raise broken("one of its storages is a part of another, which PyTorch has not written for years")
    return Storage(STORAGES[kind.name], key, numel)


def key_of(value: object) -> str | int:
    """A key of a table. Anything but texts and numbers could take for ever to hash."""
    if not isinstance(value, str | int):
        raise broken("a key of one of its tables is neither a text nor a number")
    return value


def _tensor(arguments: tuple[Any, ...], *, is_old: bool) -> Tensor:
    if len(arguments) < 4:
        raise broken("one of its tensors is incomplete")
    storage, offset, shape, strides, *rest = arguments
    if not isinstance(storage, Storage) or not _is_size(offset):
        raise broken("one of its tensors has no storage")
    if not _are_sizes(shape) or len(shape) > MAX_DIMENSIONS:
        raise broken("one of its tensors has a wrong shape")
    if not _are_sizes(strides) or len(strides) != len(shape):
        raise broken("one of its tensors has wrong strides")
    if _extent(shape, strides, offset) > storage.numel:
        raise broken("one of its tensors is larger than its storage")
    if not _is_rest(rest, is_old=is_old):
        raise broken("one of its tensors has details that PyTorch does not write")
    return Tensor(storage.dtype, shape)


def _extent(shape: Sequence[int], strides: Sequence[int], offset: int) -> int:
    """Elements that a storage needs for such a view. PyTorch would make room for what reaches beyond it. The
    strides may repeat elements, and a small file must not become a large tensor: each is counted.
    """
    last = 0 if 0 in shape else 1 + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    return offset + max(last, math.prod(shape))


def _is_rest(rest: Sequence[Any], *, is_old: bool) -> bool:
    """Whether a gradient is wanted, hooks of none, and marks that weights do not have."""
    if is_old:
        return not rest
    return len(rest) in (2, 3) and type(rest[0]) is bool and not any(rest[2:])


def _are_sizes(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and all(map(_is_size, value))


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < MAX_SIZE
