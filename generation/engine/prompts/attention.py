r"""Weights by brackets: ``(x)`` times 1.1, ``[x]`` divided by 1.1, ``(x:1.3)`` times 1.3.

The rules are those of AUTOMATIC1111's ``parse_prompt_attention``, so that a recipe means the same here. A
backslash makes a bracket plain text. Brackets that are never closed reach to the end; a closing bracket
without an opening one is text.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final

from generation.engine.prompts.limits import (
    MAX_NESTING,
    MAX_WEIGHT,
    nested_too_deeply,
    prompt_error,
)

ROUND: Final = 1.1
SQUARE: Final = 1 / 1.1
_BREAK: Final = "BREAK"
_BREAK_WEIGHT: Final = -1.0

_TOKENS: Final = re.compile(
    r"\\(?P<literal>[()\[\]\\])"
    r"|\\"
    r"|:[ \t\r\n]*(?P<weight>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))[ \t\r\n]*\)"
    r"|[()\[\]:]"
    r"|[^\\()\[\]:]+"
)
_BREAKS: Final = re.compile(r"\bBREAK\b")


class Emphasis(StrEnum):
    """What becomes of the weights, in A1111's words."""

    NONE = "None"
    """Brackets are plain text, and so is ``BREAK``."""
    IGNORE = "Ignore"
    """Brackets are understood and then have no effect."""
    ORIGINAL = "Original"
    """Token embeddings times their weights, then the mean of the whole brought back to what it was."""
    NO_NORM = "No norm"
    """Like ``ORIGINAL`` without touching the mean."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text and the weight of its tokens, or the mark that ends a chunk."""

    text: str
    weight: float = 1.0

    @property
    def is_break(self) -> bool:
        """Whether this is ``BREAK``. Inside brackets its weight is another one, and then it is a mere word,
        as in A1111.
        """
        return self.text == _BREAK and self.weight == _BREAK_WEIGHT


def parse_attention(
    text: str, *, emphasis: Emphasis = Emphasis.ORIGINAL, field: str = "prompt"
) -> tuple[Segment, ...]:
    """``text`` as segments of equal weight, at least one. Raises the prompt's ``EngineError``."""
    if emphasis is Emphasis.NONE:
        return (Segment(text),)
    segments = _merged(_Weighing(field).run(text))
    if emphasis is Emphasis.IGNORE:
        return tuple(one if one.is_break else Segment(one.text) for one in segments)
    return segments


def escape(text: str) -> str:
    r"""``text`` written so that every part of the prompt language leaves it alone.

    >>> escape("(1girl) {#1} BREAK")
    '\\(1girl\\) \\{\\#1\\} B\\REAK'
    """
    quoted = re.sub(r"([\\()\[\]{}<#])", r"\\\1", text)
    return quoted.replace("__", r"\_\_").replace("BREAK", r"B\REAK").replace("AND", r"A\ND")


class _Weighing:
    """One pass over a text. Weights are multiplied where a bracket closes, innermost first: products of
    floats depend on the order, and recipes on the products.
    """

    def __init__(self, field: str) -> None:
        self._field = field
        self._texts: list[str] = []
        self._weights: list[float] = []
        self._open: dict[str, list[int]] = {"(": [], "[": []}

    def run(self, text: str) -> list[Segment]:
        for match in _TOKENS.finditer(text):
            lexeme, weight = match[0], match["weight"]
            if lexeme[0] == "\\":
                self._add(match["literal"] or "")
            elif lexeme in self._open:
                self._begin(lexeme)
            elif weight is not None and self._open["("]:
                self._end("(", float(weight))
            elif lexeme == ")" and self._open["("]:
                self._end("(", ROUND)
            elif lexeme == "]" and self._open["["]:
                self._end("[", SQUARE)
            else:
                self._plain(lexeme)
        while self._open["("]:
            self._end("(", ROUND)
        while self._open["["]:
            self._end("[", SQUARE)
        return [Segment(*pair) for pair in zip(self._texts, self._weights, strict=True)]

    def _add(self, text: str, weight: float = 1.0) -> None:
        self._texts.append(text)
        self._weights.append(weight)

    def _plain(self, text: str) -> None:
        first, *others = _BREAKS.split(text)
        # The blanks around a break go with it.
        self._add(first.rstrip() if others else first)
        for number, other in enumerate(others, start=1):
            self._add(_BREAK, _BREAK_WEIGHT)
            self._add(other.strip() if number < len(others) else other.lstrip())

    def _begin(self, bracket: str) -> None:
        if sum(map(len, self._open.values())) >= MAX_NESTING:
            raise nested_too_deeply(self._field)
        self._open[bracket].append(len(self._texts))

    def _end(self, bracket: str, factor: float) -> None:
        for position in range(self._open[bracket].pop(), len(self._weights)):
            weight = self._weights[position] * factor
            if abs(weight) > MAX_WEIGHT:
                raise prompt_error(
                    self._field, f"A weight in {self._field} is above {MAX_WEIGHT:g}.", hint="1.5 is strong."
                )
            self._weights[position] = weight


def _merged(segments: list[Segment]) -> tuple[Segment, ...]:
    """Neighbours of equal weight as one; never none."""
    runs = groupby(segments, key=lambda segment: segment.weight)
    joined = (Segment("".join(one.text for one in run), weight) for weight, run in runs)
    return tuple(joined) or (Segment(""),)
