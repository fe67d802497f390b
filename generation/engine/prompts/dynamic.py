"""Dynamic prompts: ``{a|b}``, ``{2$$a|b|c}`` and wildcards ``__name__``, drawn by a seed.

The syntax is that of the Dynamic Prompts extension: ``{0.5::a|2::b}`` weighs options, ``{1-2$$a|b|c}``
takes one or two of them, ``{2$$ and $$a|b|c}`` joins them with "` and `", ``{2$$__name__}`` takes two
values of a wildcard, and ``__animals/*__`` draws from every wildcard of that pattern. Options and values
may hold choices and wildcards. A brace without its partner is text, and so is everything behind a
backslash.

Wildcards come as a mapping. No name that somebody wrote is ever used to open a file.
"""

import difflib
import random
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import Final

from generation.engine.errors import EngineError
from generation.engine.prompts.limits import (
    MAX_EXPANSION_WORK,
    MAX_NESTING,
    nested_too_deeply,
    prompt_error,
    shortened,
)
from generation.engine.prompts.parsing import strip_comments
from generation.engine.spec import MAX_PROMPT_LENGTH

Wildcards = Mapping[str, Sequence[str]]
"""Values by name; a name may contain ``/``."""

MAX_DEPTH: Final = 16
"""Wildcards inside the values of wildcards."""
_JOINER: Final = ", "
_NODE_WORK: Final = 10
"""Steps of work that writing one piece counts for."""
_TOKENS: Final = re.compile(
    r"\\.|__(?P<wildcard>(?:[^\W_]|\*)[\w\-./* ]{0,98}?)__|[{}|\[\]]|_+|[^\\_{}|\[\]]+|\\", re.DOTALL
)
_WEIGHT: Final = re.compile(r"\s*([0-9]{1,6}(?:\.[0-9]{0,6})?|\.[0-9]{1,6})\s*::")
_COUNT: Final = re.compile(r"\s*([0-9]{0,4})\s*(-?)\s*([0-9]{0,4})\s*\$\$(?:([^$|{}]*)\$\$)?")


@dataclass(frozen=True, slots=True)
class _Wildcard:
    name: str


@dataclass(frozen=True, slots=True)
class _Choice:
    options: "tuple[tuple[float, _Nodes], ...]"
    low: int
    high: int
    joiner: str


_Node = str | _Wildcard | _Choice
_Nodes = tuple[_Node, ...]


def expand(text: str, *, seed: int, wildcards: Wildcards | None = None, field: str = "prompt") -> str:
    """``text`` with every choice made; the same seed, text and wildcards give the same result everywhere.

    Comments are taken out. Raises ``EngineError("invalid_request", field=field)`` for a wildcard nobody
    knows, one that contains itself, and a result of more than ``MAX_PROMPT_LENGTH`` characters.
    """
    if len(text) > MAX_PROMPT_LENGTH:
        raise prompt_error(field, f"{field} has {len(text)} characters; {MAX_PROMPT_LENGTH} are allowed.")
    drawing = _Drawing(seed, wildcards or {}, field)
    drawing.write(_Reading(field).nodes(strip_comments(text)), depth=0)
    return "".join(drawing.pieces)


def wildcard_values(text: str) -> tuple[str, ...]:
    """The values in a wildcard file: one per line, without empty lines and lines that begin with ``#``."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


class _Frame:
    """An open brace: its options so far. ``|`` inside square brackets is an alternation's, not ours."""

    __slots__ = ("brackets", "options")

    def __init__(self) -> None:
        self.options: list[list[_Node]] = [[]]
        self.brackets = 0


class _Reading:
    """Text to nodes, in one pass."""

    def __init__(self, field: str) -> None:
        self._field = field

    def nodes(self, text: str) -> _Nodes:
        done: list[_Node] = []
        frames: list[_Frame] = []
        for match in _TOKENS.finditer(text):
            lexeme = match[0]
            into = frames[-1].options[-1] if frames else done
            if match["wildcard"] is not None:
                into.append(_Wildcard(match["wildcard"].strip()))
            elif lexeme == "{":
                if len(frames) >= MAX_NESTING:
                    raise nested_too_deeply(self._field)
                frames.append(_Frame())
            elif lexeme == "}" and frames:
                choice = _choice(frames.pop())
                (frames[-1].options[-1] if frames else done).append(choice)
            elif lexeme == "|" and frames and not frames[-1].brackets:
                frames[-1].options.append([])
            else:
                _count_brackets(frames, lexeme)
                into.append(lexeme)
        for frame in frames:  # never closed: text
            done.append("{")
            for index, option in enumerate(frame.options):
                done.extend(("|", *option) if index else option)
        return tuple(done)


def _count_brackets(frames: list[_Frame], lexeme: str) -> None:
    if frames and lexeme == "[":
        frames[-1].brackets += 1
    elif frames and lexeme == "]" and frames[-1].brackets:
        frames[-1].brackets -= 1


def _choice(frame: _Frame) -> _Choice:
    options = frame.options
    low, high, joiner = 1, 1, _JOINER
    first = options[0][0] if options[0] else ""
    count = _COUNT.match(first) if isinstance(first, str) else None
    if count is not None and (count[1] or count[3]):
        low = int(count[1]) if count[1] else 1
        high = int(count[3]) if count[3] else 10_000 if count[2] else low
        joiner = _JOINER if count[4] is None else count[4]
        options[0][0] = count.string[count.end() :]
    return _Choice(tuple(_weighted(option) for option in options), min(low, high), max(low, high), joiner)


def _weighted(option: list[_Node]) -> tuple[float, _Nodes]:
    first = option[0] if option else ""
    if not isinstance(first, str):
        return 1.0, tuple(option)
    weight, rest = _split_weight(first)
    return weight, (rest, *option[1:])


def _split_weight(text: str) -> tuple[float, str]:
    """The weight in front of an option, 1 if there is none, and the option without it."""
    match = _WEIGHT.match(text)
    return (1.0, text) if match is None else (float(match[1]), text[match.end() :])


class _Drawing:
    """Makes the choices. Its work is counted, whatever the nodes say, so that it ends."""

    def __init__(self, seed: int, wildcards: Wildcards, field: str) -> None:
        # Only random() is used, the one method whose sequence Python promises to keep.
        self._random = random.Random(seed).random  # noqa: S311 - pictures, not secrets
        self._wildcards = wildcards
        self._field = field
        self._work = 0
        self._length = 0
        self._values: dict[str, list[tuple[float, str]]] = {}
        self.pieces: list[str] = []

    def write(self, nodes: _Nodes, *, depth: int) -> None:
        for node in nodes:
            self._spend(_NODE_WORK)
            if isinstance(node, str):
                self._write_text(node)
            elif isinstance(node, _Wildcard):
                self._write_values(node.name, 1, _JOINER, depth)
            else:
                self._write_choice(node, depth)

    def _write_choice(self, choice: _Choice, depth: int) -> None:
        count = choice.low + int(self._random() * (choice.high - choice.low + 1))
        only = [node for node in choice.options[0][1] if node] if len(choice.options) == 1 else []
        if len(only) == 1 and isinstance(only[0], _Wildcard):
            self._write_values(only[0].name, count, choice.joiner, depth)
            return
        for number, index in enumerate(self._draw([weight for weight, _ in choice.options], count)):
            self._write_text(choice.joiner if number else "")
            self.write(choice.options[index][1], depth=depth)

    def _write_values(self, name: str, count: int, joiner: str, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise prompt_error(
                self._field,
                f"The wildcard “{shortened(name)}” comes up inside wildcards {MAX_DEPTH} deep.",
                hint="Does it contain itself?",
            )
        values = self._values_of(name)
        for number, index in enumerate(self._draw([weight for weight, _ in values], count)):
            self._write_text(joiner if number else "")
            value = values[index][1]
            self._spend(len(value))
            self.write(_Reading(self._field).nodes(value), depth=depth + 1)

    def _draw(self, weights: list[float], count: int) -> Iterator[int]:
        """Places of ``count`` options, or of all there are; none comes twice."""
        left = list(range(len(weights)))
        for _ in range(min(count, len(weights))):
            self._spend(len(left))
            ends = list(accumulate(weights[index] for index in left))
            # Rounding may put the point on the very end.
            yield left.pop(min(bisect_right(ends, self._random() * ends[-1]), len(left) - 1))

    def _values_of(self, name: str) -> list[tuple[float, str]]:
        """Weights and values of a wildcard, or of all that a pattern names."""
        if name not in self._values:
            if "*" in name:
                self._spend(len(self._wildcards))
                names = sorted(known for known in self._wildcards if fnmatchcase(known, name))
            else:
                names = [name] if name in self._wildcards else []
            values = [value for known in names for value in self._wildcards[known]]
            if not values:
                raise self._unknown(name)
            self._spend(len(values))
            self._values[name] = [_split_weight(value) for value in values]
        return self._values[name]

    def _write_text(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_PROMPT_LENGTH:
            raise prompt_error(
                self._field,
                f"With its wildcards {self._field} has more than {MAX_PROMPT_LENGTH} characters.",
            )
        self.pieces.append(text)

    def _spend(self, amount: int) -> None:
        self._work += amount
        if self._work > MAX_EXPANSION_WORK:
            raise prompt_error(
                self._field,
                f"The wildcards and choices of {self._field} are too much to draw from.",
                hint="Use fewer of them, or smaller ones.",
            )

    def _unknown(self, name: str) -> EngineError:
        near = difflib.get_close_matches(name[:60], list(self._wildcards)[:1000], n=3)
        hint = (
            f"Did you mean {' or '.join(near)}?" if near else r"Write \_\_ where you mean plain underscores."
        )
        return prompt_error(self._field, f"There is no wildcard named “{shortened(name)}”.", hint=hint)
