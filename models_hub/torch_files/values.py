"""What a pickle of weights may consist of, and which names it may call."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

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
        return {}
    if function in (TENSOR, OLD_TENSOR):
        return _tensor(arguments)
    if function == PARAMETER and arguments and isinstance(arguments[0], Tensor):
        return arguments[0]
    if function == SIZE and len(arguments) == 1:
        return arguments[0]
    raise unsafe(f"it calls {function}")


def stored(identity: object) -> Storage:
    """The storage that a persistent id names: ``("storage", class, key, device, elements, ...)``."""
    if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
        raise unsafe("it refers to something that is not in the file")
    _, kind, key, _, numel, *_ = identity
    if not isinstance(kind, Global) or kind.module != "torch" or kind.name not in STORAGES:
        raise unsafe(f"it stores {kind}" if isinstance(kind, Global) else "it stores something unknown")
    if not isinstance(key, str) or not _is_size(numel):
        raise broken("one of its storages has no name or no size")
    return Storage(STORAGES[kind.name], key, numel)


def key_of(value: object) -> str | int:
    """A key of a table. Anything but texts and numbers could take for ever to hash."""
    if not isinstance(value, str | int):
        raise broken("a key of one of its tables is neither a text nor a number")
    return value


def _tensor(arguments: tuple[Any, ...]) -> Tensor:
    if len(arguments) < 4:
        raise broken("one of its tensors is incomplete")
    storage, offset, shape = arguments[:3]
    if not isinstance(storage, Storage) or not _is_size(offset):
        raise broken("one of its tensors has no storage")
    if not isinstance(shape, tuple) or len(shape) > MAX_DIMENSIONS or not all(map(_is_size, shape)):
        raise broken("one of its tensors has a wrong shape")
    # Strides may repeat elements: a small file must not become a large tensor.
    if offset + math.prod(shape) > storage.numel:
        raise broken("one of its tensors is larger than its storage")
    return Tensor(storage.dtype, shape)


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < MAX_SIZE
