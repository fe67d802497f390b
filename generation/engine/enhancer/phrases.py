"""What a language model says, made fit to stand behind a person's prompt. Needs no torch."""

import re
from typing import Final

from generation.engine.enhancer.compose import SEPARATOR, WORD, fitting

MAX_PHRASES: Final = 24
MAX_PHRASE_WORDS: Final = 12
MAX_PHRASE_CHARACTERS: Final = 120
MAX_TEXT: Final = 8_000
"""Characters of the model's answer that are looked at."""

_THOUGHTS: Final = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_TAGS: Final = re.compile(r"<[^<>]{0,200}>")
_SYNTAX: Final = re.compile(r"[()\[\]{}|\\<>#*`_~^=]+|\b(?:BREAK|AND)\b|:\s*[-+]?[0-9.]*")
"""What the prompt language would take for more than words: a model must not weigh, schedule or load."""
_PARTS: Final = re.compile(r"[,;\n\r\u2022]+|\.\s")
_LISTED: Final = re.compile(r"^\s*(?:[-\u2013\u2014]+|[0-9]{1,2}[.)])\s*")
_PREFACE: Final = re.compile(
    r"^[^,;\n()\[\]{}<>]{0,80}:\s*(?=[^\s\d])|^(?:sure|okay|ok|certainly|of course|here)\b.*$", re.I
)
"""``Here are some phrases:`` and the like."""


def phrases_of(text: str, *, prompt: str) -> tuple[str, ...]:
    """The phrases in a model's answer that say something which ``prompt`` does not, cleaned, each once, as
    many as there is room for behind it. Empty when nothing is left.
    """
    plain = _TAGS.sub(" ", _THOUGHTS.sub(" ", text[:MAX_TEXT]))
    said: dict[str, str] = {}
    for part in _PARTS.split(_without_preface(plain)):
        phrase = _cleaned(part)
        if _is_phrase(phrase):
            said.setdefault(phrase.casefold(), phrase)
    words = WORD.findall(prompt.casefold())
    return tuple(fitting(prompt, words, list(said.values())[:MAX_PHRASES]))


def with_phrases(prompt: str, phrases: tuple[str, ...]) -> str:
    """The person's words, and the phrases behind them."""
    return SEPARATOR.join([prompt, *phrases])


def _without_preface(text: str) -> str:
    first, line, rest = text.strip().partition("\n")
    first = _PREFACE.sub("", first)
    return first + line + rest


def _cleaned(part: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in _LISTED.sub("", part))
    return " ".join(_SYNTAX.sub(" ", printable).split()).strip(" .!?\"'“”«»:-")


def _is_phrase(phrase: str) -> bool:
    words = WORD.findall(phrase)
    return (
        0 < len(words) <= MAX_PHRASE_WORDS
        and len(phrase) <= MAX_PHRASE_CHARACTERS
        and any(letter.isalpha() for letter in phrase)
        and "\ufffd" not in phrase
    )
