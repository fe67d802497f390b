"""Both prompts of a request, checked as far as that goes without a tokenizer."""

from typing import Final

from generation.engine.errors import EngineError
from generation.engine.prompts.limits import prompt_error, shortened
from generation.engine.prompts.parsing import ParsedPrompt, parse_negative, parse_prompt

_SMALLEST_SUM: Final = 1e-6
"""Of the weights between ``AND`` that a prediction is divided by."""


def read_prompts(
    prompt: str, negative_prompt: str, *, steps: int, guidance_scale: float
) -> tuple[ParsedPrompt, ParsedPrompt | None]:
    """The prompts taken apart; the negative one is None where it has no say, at a guidance of 1 or below.

    Raises ``EngineError``: ``invalid_request`` for what cannot be read or asks for too much over ``steps``,
    ``unsupported_feature`` for extra networks, which no engine loads yet. Both name the prompt's field.
    """
    positive = parse_prompt(prompt)
    negative = parse_negative(negative_prompt) if guidance_scale > 1.0 else None
    if positive.networks:
        raise _unsupported(positive)
    for parsed in filter(None, (positive, negative)):
        parsed.schedule(steps)
    if negative is None and abs(sum(part.weight for part in positive.parts)) < _SMALLEST_SUM:
        raise prompt_error(
            positive.field,
            "Without guidance the weights between AND must not add up to 0.",
            hint="Change a weight, or set the guidance above 1.",
        )
    return positive, negative


def _unsupported(parsed: ParsedPrompt) -> EngineError:
    named = ", ".join(shortened(str(network)) for network in parsed.networks[:3])
    return EngineError(
        "unsupported_feature",
        f"{parsed.field} asks for {named}: extra networks cannot be used yet.",
        hint="Take it out, or write a backslash before the < for plain text.",
        field=parsed.field,
    )
