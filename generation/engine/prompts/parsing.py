"""A prompt as a whole: comments and extra networks out, parts between ``AND``, a schedule and weights in
each.

The order is A1111's: comments, extra networks, ``AND``, schedule, attention. Extra networks and ``AND``
mean something in the positive prompt only.
"""

import re
from dataclasses import dataclass
from typing import Final

from generation.engine.prompts.attention import Emphasis, Segment, parse_attention
from generation.engine.prompts.limits import MAX_PARTS, MAX_TEXTS, MAX_WEIGHT, prompt_error
from generation.engine.prompts.networks import (
    ExtraNetwork,
    HypernetworkUse,
    LoraUse,
    hypernetworks,
    loras,
    networks_extract,
)
from generation.engine.prompts.scheduling import Template, parse_template
from generation.engine.spec import MAX_PROMPT_LENGTH

_COMMENT: Final = re.compile(r"(?P<kept>\\.)|^#[^\n]*\n?|#[^\n]*", re.DOTALL | re.MULTILINE)
_AND: Final = re.compile(r"\bAND\b")
_PART_WEIGHT: Final = re.compile(r"\s*([-+]?(?:[0-9]+\.?|[0-9]*\.[0-9]+))\s*")


@dataclass(frozen=True, slots=True)
class WeightedSpan:
    """Segments that hold up to and including a step, counted from 1."""

    last_step: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class ScheduledPart:
    """One part between ``AND`` for a known number of steps."""

    weight: float
    spans: tuple[WeightedSpan, ...]
    """Ascending; the last ends at the number of steps."""

    def at(self, index: int) -> tuple[Segment, ...]:
        """What holds at step ``index``, counted from 0; the last span also holds for all that come later."""
        return next((one for one in self.spans if index + 1 <= one.last_step), self.spans[-1]).segments


@dataclass(frozen=True, slots=True)
class PromptPart:
    """One part between ``AND``; its prediction counts ``weight`` times."""

    text: str
    weight: float
    template: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPrompt:
    """What a prompt says, before the number of steps is known."""

    text: str
    """Without comments and extra networks, with everything else as written."""
    parts: tuple[PromptPart, ...]
    """At least one; exactly one for a negative prompt."""
    loras: tuple[LoraUse, ...] = ()
    hypernetworks: tuple[HypernetworkUse, ...] = ()
    networks: tuple[ExtraNetwork, ...] = ()
    """Every extra network as written, those of unknown kinds too."""
    field: str = "prompt"

    def schedule(
        self, steps: int, *, hires_base: int | None = None, emphasis: Emphasis = Emphasis.ORIGINAL
    ) -> tuple[ScheduledPart, ...]:
        """Segments per part and step. ``steps`` are sampler steps, not denoiser calls; ``hires_base`` is
        the number of steps of the first pass when this is the hires pass. Raises the prompt's
        ``EngineError``.
        """
        known: dict[str, tuple[Segment, ...]] = {}

        def weighed(text: str) -> tuple[Segment, ...]:
            if text not in known:
                if len(known) >= MAX_TEXTS:
                    raise prompt_error(
                        self.field,
                        f"The schedule of {self.field} comes to more than {MAX_TEXTS} different texts.",
                        hint="Use fewer [a|b] and [from:to:when].",
                    )
                known[text] = parse_attention(text, emphasis=emphasis, field=self.field)
            return known[text]

        return tuple(
            ScheduledPart(
                part.weight,
                tuple(
                    WeightedSpan(span.last_step, weighed(span.text))
                    for span in part.template.spans(steps, hires_base)
                ),
            )
            for part in self.parts
        )


def parse_prompt(text: str, *, field: str = "prompt", old_timelines: bool = False) -> ParsedPrompt:
    """``text`` with everything that the prompt language knows but wildcards and choices (``expand`` before).

    ``old_timelines`` as for ``parse_template``. Raises ``EngineError("invalid_request", field=field)`` and
    nothing else.
    """
    rest, networks = networks_extract(strip_comments(_checked(text, field)), field=field)
    texts = _AND.split(rest)
    if len(texts) > MAX_PARTS:
        raise prompt_error(field, f"{field} has {len(texts)} parts between AND; {MAX_PARTS} are allowed.")
    # A lone part keeps its text: A1111 takes the 9 of a prompt that ends in "16:9" for a weight.
    parts = [(rest, 1.0)] if len(texts) == 1 else [_weighted(one, field) for one in texts]
    return ParsedPrompt(
        text=rest,
        parts=tuple(
            PromptPart(one, weight, parse_template(one, field=field, old_timelines=old_timelines))
            for one, weight in parts
        ),
        loras=loras(networks, field=field),
        hypernetworks=hypernetworks(networks, field=field),
        networks=networks,
        field=field,
    )


def parse_negative(text: str, *, field: str = "negative_prompt", old_timelines: bool = False) -> ParsedPrompt:
    """A negative prompt: comments, schedule, weights and ``BREAK`` as in a prompt; the rest is text, as in
    A1111.

    Raises the prompt's ``EngineError``.
    """
    rest = strip_comments(_checked(text, field))
    template = parse_template(rest, field=field, old_timelines=old_timelines)
    return ParsedPrompt(text=rest, parts=(PromptPart(rest, 1.0, template),), field=field)


def strip_comments(text: str) -> str:
    r"""``text`` without ``#`` to the end of the line; a line that is nothing else goes as a whole. ``\#``
    is text.

    >>> strip_comments("a fox # red?\n# snow\non a hill")
    'a fox \non a hill'
    """
    return _COMMENT.sub(lambda match: match["kept"] or "", text)


def plain_text(segments: tuple[Segment, ...]) -> str:
    """The words without weights, for text encoders that know none (T5)."""
    return "".join(" " if one.is_break else one.text for one in segments)


def _checked(text: str, field: str) -> str:
    if len(text) > MAX_PROMPT_LENGTH:
        raise prompt_error(field, f"{field} has {len(text)} characters; {MAX_PROMPT_LENGTH} are allowed.")
    return text


def _weighted(text: str, field: str) -> tuple[str, float]:
    before, colon, after = text.rpartition(":")
    match = _PART_WEIGHT.fullmatch(after) if colon else None
    if match is None:
        return text.rstrip(), 1.0
    weight = float(match[1])
    if abs(weight) > MAX_WEIGHT:
        raise prompt_error(field, f"A weight after AND in {field} is above {MAX_WEIGHT:g}.")
    return before.rstrip(), weight
