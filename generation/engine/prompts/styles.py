"""Styles: named pieces of prompt that are put around a prompt, and found in one again.

The merge is A1111's: ``{prompt}`` in a style is where the prompt goes; a style without it follows the
prompt after a comma.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from generation.engine.prompts.limits import prompt_error, shortened
from generation.engine.spec import MAX_PROMPT_LENGTH

PLACEHOLDER: Final = "{prompt}"
MAX_STYLES_CHARACTERS: Final = 2_000_000
"""Of a styles file."""


@dataclass(frozen=True, slots=True)
class Style:
    """A named piece of prompt and of negative prompt."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""


def styles_apply(prompt: str, negative_prompt: str, styles: Iterable[Style]) -> tuple[str, str]:
    """Both prompts with the styles merged in, one after the other.

    Raises ``EngineError("invalid_request", field="prompt")`` or ``"negative_prompt"`` when they grow too
    long.
    """
    for style in styles:
        prompt = _merged(prompt, style.prompt, style, "prompt")
        negative_prompt = _merged(negative_prompt, style.negative_prompt, style, "negative_prompt")
    return prompt, negative_prompt


def styles_extract(
    prompt: str, negative_prompt: str, styles: Sequence[Style]
) -> tuple[tuple[str, ...], str, str]:
    """The names of the styles that both prompts carry, in the order of application, and the prompts without
    them. Last applied is first found; a style counts once.
    """
    names: list[str] = []
    left = [style for style in styles if style.prompt or style.negative_prompt]
    while (found := _outermost(prompt, negative_prompt, left)) is not None:
        style, prompt, negative_prompt = found
        names.append(style.name)
        left.remove(style)
    return tuple(reversed(names)), prompt, negative_prompt


def style_remove(style_text: str, prompt: str) -> tuple[bool, str]:
    """Whether ``prompt`` carries the style's text, and the prompt without it (as it was, if not).

    >>> style_remove("masterpiece, {prompt}", "masterpiece, 1girl")
    (True, '1girl')
    """
    style_text, stripped = style_text.strip(), prompt.strip()
    if PLACEHOLDER in style_text:
        left, _, right = style_text.partition(PLACEHOLDER)
        fits = len(stripped) >= len(left) + len(right)
        if fits and stripped.startswith(left) and stripped.endswith(right):
            return True, stripped[len(left) : len(stripped) - len(right)]
    elif stripped.endswith(style_text):
        return True, stripped.removesuffix(style_text).removesuffix(", ")
    return False, prompt


def styles_read(text: str) -> tuple[Style, ...]:
    """The styles in a CSV of A1111's: columns ``name``, ``prompt`` (once ``text``), ``negative_prompt``;
    rows whose name starts with ``#`` are headings. Raises ``EngineError("invalid_request",
    field="styles")``.
    """
    if len(text) > MAX_STYLES_CHARACTERS:
        raise prompt_error("styles", f"The styles have more than {MAX_STYLES_CHARACTERS} characters.")
    try:
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    except csv.Error as error:
        raise prompt_error("styles", f"The styles are not a CSV file ({error}).") from error
    return tuple(
        Style(row["name"], row.get("prompt") or row.get("text") or "", row.get("negative_prompt") or "")
        for row in rows
        if row.get("name") and not row["name"].startswith("#")
    )


def _merged(prompt: str, style_text: str, style: Style, field: str) -> str:
    count = style_text.count(PLACEHOLDER)
    # Before it is made: a few styles with several placeholders each grow beyond any memory.
    if len(style_text) + max(count, 1) * len(prompt) > MAX_PROMPT_LENGTH + len(PLACEHOLDER) * count:
        raise prompt_error(
            field,
            f"With the style “{shortened(style.name)}” {field} has more than {MAX_PROMPT_LENGTH} characters.",
            hint="Use fewer styles.",
        )
    if count:
        return style_text.replace(PLACEHOLDER, prompt)
    return ", ".join(filter(None, (prompt.strip(), style_text.strip())))


def _outermost(prompt: str, negative: str, styles: Iterable[Style]) -> tuple[Style, str, str] | None:
    for style in styles:
        found, rest = style_remove(style.prompt, prompt) if style.prompt else (True, prompt)
        found_negative, rest_negative = (
            style_remove(style.negative_prompt, negative) if style.negative_prompt else (True, negative)
        )
        if found and found_negative:
            return style, rest, rest_negative
    return None
