"""Prompts that change while the picture forms: ``[from:to:when]`` and ``[a|b|c]``.

The language is that of AUTOMATIC1111's grammar, read in one pass over the text. A bracket whose content is
not well formed is plain text. A ``|`` outside of an alternation, or a backslash with nothing behind it on
its line, makes the whole text plain, as a failure of A1111's parser does. Where A1111's (ambiguous) grammar
has several readings, its answer depends on the version of its parser library and, in some, on the hash seed
of the process; here a bracket that is well formed always counts.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from generation.engine.prompts.limits import MAX_NESTING, nested_too_deeply

_TOKENS: Final = re.compile(r"(?:[^\\\[\]():|]|\\.)+|[\\\[\]():|]")
_WHEN: Final = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")
_CLOSES: Final = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Scheduled:
    """``before`` up to and including the step ``when``, then ``after``."""

    before: "Items"
    after: "Items"
    when: str
    """As written: a number with a point is a fraction of the steps, one without is a step."""

    def last_step(self, steps: int, hires_base: int | None) -> int:
        """The last step of ``before``, at most ``steps``; 0 or less when it never comes.

        In the hires pass (``hires_base``: the steps of the first pass) both kinds of number go on counting
        from where the first pass ended: 1.5 is its middle.
        """
        value = float(self.when)
        if "." in self.when:
            value = (value - (0.0 if hires_base is None else 1.0)) * steps
        else:
            value -= hires_base or 0
        return int(max(-1.0, min(float(steps), value)))


@dataclass(frozen=True, slots=True)
class Alternating:
    """The options take turns, one per step."""

    options: "tuple[Items, ...]"


Item = str | Scheduled | Alternating
Items = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """What holds up to and including a step, counted from 1."""

    last_step: int
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text with its schedule, before the number of steps is known."""

    items: Items

    def spans(self, steps: int, hires_base: int | None = None) -> tuple[Span, ...]:
        """The text from step to step, ascending; the last span ends at ``steps``."""
        ends = sorted({steps, *_ends(self.items, steps, hires_base)})
        return tuple(Span(end, "".join(_at(self.items, end, steps, hires_base))) for end in ends)


def parse_template(text: str, *, field: str = "prompt", old_timelines: bool = False) -> Template:
    """``old_timelines`` reads numbers as A1111 before 1.6 did: below 1 they are fractions, point or not.

    Raises the prompt's ``EngineError`` when brackets are nested too deeply; anything else is text.
    """
    reading = _Reading(field, old_timelines=old_timelines)
    for match in _TOKENS.finditer(text):
        if not reading.take(match[0]):
            return Template((text,))
    items = reading.finish()
    return Template((text,) if items is None else items)


def _ends(items: Items, steps: int, hires_base: int | None) -> Iterator[int]:
    for item in items:
        if isinstance(item, Scheduled):
            last = item.last_step(steps, hires_base)
            if last >= 1:
                yield last
            yield from _ends(item.before, steps, hires_base)
            yield from _ends(item.after, steps, hires_base)
        elif isinstance(item, Alternating):
            # Every step is an end already; what is inside cannot add one.
            yield from range(1, steps + 1)


def _at(items: Items, step: int, steps: int, hires_base: int | None) -> Iterator[str]:
    for item in items:
        if isinstance(item, str):
            yield item
        elif isinstance(item, Scheduled):
            chosen = item.before if step <= item.last_step(steps, hires_base) else item.after
            yield from _at(chosen, step, steps, hires_base)
        else:
            yield from _at(item.options[(step - 1) % len(item.options)], step, steps, hires_base)


class _Frame:
    """An open bracket: what it holds so far, cut at ``marks``."""

    __slots__ = ("bracket", "marks", "pieces")

    def __init__(self, bracket: str) -> None:
        self.bracket = bracket
        self.marks: list[str] = []
        self.pieces: list[list[Item]] = [[]]


class _Reading:
    """Takes tokens one by one. Whenever a bracket turns out ill formed, every bracket around it is too, so
    all open frames become text at once: the pass stays linear.
    """

    def __init__(self, field: str, *, old_timelines: bool) -> None:
        self._field = field
        self._old_timelines = old_timelines
        self._done: list[Item] = []
        self._frames: list[_Frame] = []

    def take(self, lexeme: str) -> bool:
        """False when the whole text has to be plain."""
        if lexeme == "\\":
            return False
        if lexeme in ("(", "["):
            if len(self._frames) >= MAX_NESTING:
                raise nested_too_deeply(self._field)
            self._frames.append(_Frame(lexeme))
        elif lexeme in (":", "|"):
            return self._mark(lexeme)
        elif lexeme in _CLOSES:
            return self._close(lexeme)
        else:
            self._append(lexeme)
        return True

    def finish(self) -> Items | None:
        """Everything read; None when the whole text has to be plain."""
        return tuple(self._done) if self._spill() else None

    def _append(self, item: Item) -> None:
        (self._frames[-1].pieces[-1] if self._frames else self._done).append(item)

    def _mark(self, lexeme: str) -> bool:
        if self._frames:
            self._frames[-1].marks.append(lexeme)
            self._frames[-1].pieces.append([])
        elif lexeme == ":":
            self._done.append(lexeme)
        return bool(self._frames) or lexeme == ":"

    def _close(self, lexeme: str) -> bool:
        items = self._group(self._frames[-1], lexeme) if self._frames else None
        if items is None:
            kept = self._spill()
            self._done.append(lexeme)
            return kept
        self._frames.pop()
        for item in items:
            self._append(item)
        return True

    def _spill(self) -> bool:
        """Open frames become text at the top; False when there is a ``|`` among it."""
        for frame in self._frames:
            if "|" in frame.marks:
                return False
            self._done.append(frame.bracket)
            self._done.extend(_flat(frame))
        self._frames.clear()
        return True

    def _group(self, frame: _Frame, closing: str) -> Sequence[Item] | None:
        """What the finished bracket means; None when it is ill formed."""
        if _CLOSES[closing] != frame.bracket:
            return None
        kinds = set(frame.marks)
        if not kinds or (frame.bracket == "(" and frame.marks == [":"]):
            return (frame.bracket, *_flat(frame), closing)
        if frame.bracket == "(" or len(kinds) > 1:
            return None
        if "|" in kinds:
            return (Alternating(tuple(tuple(piece) for piece in frame.pieces)),)
        *texts, last = frame.pieces
        when = _WHEN.fullmatch(last[0]) if len(last) == 1 and isinstance(last[0], str) else None
        if when is None or len(texts) > 2:
            return None
        before = tuple(texts[0]) if len(texts) == 2 else ()
        return (Scheduled(before, tuple(texts[-1]), self._when(when[1])),)

    def _when(self, written: str) -> str:
        value = float(written)
        if not self._old_timelines:
            return written
        return f"{value:f}" if value < 1 else str(int(min(value, 1e6)))


def _flat(frame: _Frame) -> Iterator[Item]:
    for mark, piece in zip(("", *frame.marks), frame.pieces, strict=True):
        if mark:
            yield mark
        yield from piece
