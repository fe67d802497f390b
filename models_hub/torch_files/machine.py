"""Follows the instructions of a pickle without carrying out any: calls become descriptions of what they would
make.

The instructions are those that ``torch.save`` writes (protocol 2) and that PyTorch's restricted unpickler
knows, and a few that only serve to say what a newer pickle would import. See ``pickletools`` of the standard
library for what each of them does.
"""

import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final

from models_hub.torch_files.errors import broken, unsafe
from models_hub.torch_files.values import ALLOWED, Global, Husk, Storage, called, key_of, stored

PROTOCOL: Final = 2
MAX_PICKLE_BYTES: Final = 16 * 2**20
"""The largest pickles of real files have a few hundred kilobytes: the numbers lie elsewhere."""
MAX_INSTRUCTIONS: Final = 1_000_000
MARK: Final = object()


class BoundedReader:
    """The file, from where it stands, up to ``MAX_PICKLE_BYTES`` more; nothing is read ahead."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_PICKLE_BYTES

    def read(self, size: int = -1) -> bytes:
        """Exactly what was asked for, or less at the end."""
        if not 0 <= size <= self._left:
            raise broken("its pickle is longer than any real one")
        self._left -= size
        return self._file.read(size)

    def readline(self) -> bytes:
        """A line with its end."""
        line = self._file.readline(self._left + 1)
        if len(line) > self._left:
            raise broken("its pickle is longer than any real one")
        self._left -= len(line)
        return line


def pickle_follow(
    file: BinaryIO, storages: dict[str, Storage], *, expected: re.Pattern[str] | None = None
) -> Any:
    """What the pickle at the file's position would make; the file then stands behind it.

    The storages that it refers to are added to ``storages``. Names that match ``expected`` are let through:
    what is made with them is a ``Husk``. Raises ``PortalError`` ``unsafe_format`` or
    ``broken_file``.
    """
    machine = _Machine(storages, expected)
    # It only ever reads, as much as each instruction says.
    instructions = pickletools.genops(BoundedReader(file))  # type: ignore[arg-type]
    try:
        for number, (instruction, argument, _) in enumerate(instructions):
            if number > MAX_INSTRUCTIONS:
                raise broken("its pickle has more instructions than any real one")
            step = _STEPS.get(instruction.name)
            if step is None:
                raise unsafe(f"no weights need its instruction {instruction.name}")
            machine.protocol = max(machine.protocol, instruction.proto)
            step(machine, argument)
    except (ValueError, IndexError, KeyError, TypeError, UnicodeError, OverflowError) as error:
        raise broken("its pickle makes no sense") from error
    return machine.result()


class _Machine:
    """A stack, a memo and what came out."""

    def __init__(self, storages: dict[str, Storage], expected: re.Pattern[str] | None) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.protocol = 0
        """The newest that an instruction belongs to, or that the pickle says it is of."""
        self._storages = storages
        self._expected = expected

    def result(self) -> Any:
        """What is left when it stops."""
        if self.protocol != PROTOCOL:
            raise broken(f"its pickle is of protocol {self.protocol}, which PyTorch does not write")
        if len(self.stack) != 1:
            raise broken("its pickle leaves something behind")
        return self.stack[0]

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def begin(self, protocol: int) -> None:
        self.protocol = max(self.protocol, protocol)

    def top(self, kind: type) -> Any:
        """The last value, which has to be a list or a table that the pickle made itself. What is put into a
        husk is forgotten.
        """
        if isinstance(self.stack[-1], Husk):
            return kind()
        if not isinstance(self.stack[-1], kind):
            raise unsafe("it changes something that is no table")
        return self.stack[-1]

    def popped_to_mark(self) -> list[Any]:
        """The values above the last mark, taken off with it."""
        values = []
        while (value := self.stack.pop()) is not MARK:
            values.append(value)
        return values[::-1]

    def import_(self, module: str, name: str) -> None:
        found = Global(module, name)
        if found not in ALLOWED and not (self._expected and self._expected.fullmatch(f"{module}.{name}")):
            raise unsafe(f"it imports {found}")
        self.push(found)

    def remember(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise IndexError
        values = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        self.push(values)

    def append_all(self) -> None:
        values = self.popped_to_mark()
        self.top(list).extend(values)

    def append(self) -> None:
        value = self.stack.pop()
        self.top(list).append(value)

    def set_items(self, values: list[Any]) -> None:
        table = self.top(dict)
        for key, value in zip(values[::2], values[1::2], strict=True):
            table[key_of(key)] = value

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        is_husk = isinstance(function, Global) and function not in ALLOWED
        self.push(Husk(function) if is_husk else called(function, arguments))

    def make(self) -> None:
        _, kind = self.stack.pop(), self.stack.pop()
        if not isinstance(kind, Global) or kind in ALLOWED:
            raise unsafe("no weights need its instruction NEWOBJ")
        self.push(Husk(kind))

    def refer(self) -> None:
        storage = stored(self.stack.pop())
        known = self._storages.setdefault(storage.key, storage)
        if known != storage:
            raise broken("one of its storages is described in two ways")
        self.push(storage)

    def describe(self) -> None:
        """Attributes of a table, such as the versions that torch notes about its modules, or of a husk."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Husk):
            self.stack[-1].state = state
            return
        self.top(OrderedDict)
        if not isinstance(state, dict):
            raise broken("the attributes of one of its tables make no sense")

    def import_from_stack(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.import_(str(module), str(name))


_Step = Callable[[_Machine, Any], None]


def _import(machine: _Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.import_(module, name)


def _instantiate(machine: _Machine, argument: str) -> None:
    _import(machine, argument)
    raise unsafe(f"it makes an object of {machine.stack[-1]}")


_STEPS: Final[Mapping[str, _Step]] = {
    "PROTO": _Machine.begin,
    "FRAME": lambda machine, _: None,
    "STOP": lambda machine, _: None,
    "MARK": lambda machine, _: machine.push(MARK),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),  # noqa: FBT003 - the value itself
    "NEWFALSE": lambda machine, _: machine.push(False),  # noqa: FBT003 - the value itself
    **dict.fromkeys(
        (
            "BININT",
            "BININT1",
            "BININT2",
            "LONG1",
            "BINFLOAT",
            "BINUNICODE",
            "SHORT_BINUNICODE",
            "SHORT_BINSTRING",
        ),
        _Machine.push,
    ),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.popped_to_mark())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": lambda machine, _: machine.append(),
    "APPENDS": lambda machine, _: machine.append_all(),
    "SETITEM": lambda machine, _: machine.set_item(),
    "SETITEMS": lambda machine, _: machine.set_items(machine.popped_to_mark()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.remember),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, place: machine.push(machine.memo[place])),
    "GLOBAL": _import,
    "INST": _instantiate,
    "STACK_GLOBAL": lambda machine, _: machine.import_from_stack(),
    "BINPERSID": lambda machine, _: machine.refer(),
    "NEWOBJ": lambda machine, _: machine.make(),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.describe(),
}
