"""Adds to a prompt what is missing of subject detail, medium, style, light, composition and finish.

No model is needed, and the same prompt and seed always give the same answer. The person's words stay as they
are, in their order, in front of everything that is added.
"""

import random
import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from generation.engine.enhancer import keywords
from generation.engine.enhancer.vocabulary import (
    DETAIL,
    MEDIUM,
    ORDER,
    SUBJECT_DETAILS,
    SUITED,
    THEMES,
    Phrase,
)
from generation.engine.errors import EngineError
from generation.engine.spec import MAX_PROMPT_LENGTH, MAX_SEED

WORD: Final = re.compile(r"[\w'’]+(?:-[\w'’]+)*")
_NETWORKS: Final = re.compile(r"<[^<>]*>")
_CYRILLIC: Final = re.compile(r"[а-яіїєґ]", re.IGNORECASE)
_LETTER: Final = re.compile(r"[^\W\d_]")
SEPARATOR: Final = ", "
RICH: Final = 40
"""Words from which on a prompt is taken to say what it wants: then only the finish may be added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enhancement:
    """An enhanced prompt: `prompt` begins with the person's text, `added` are the phrases behind it.

    `theme` is the kind of picture that was chosen or recognised; `language` is "en" or "uk".
    """

    prompt: str
    added: tuple[str, ...]
    theme: str
    language: str
    seed: int


@cache
def _matcher(words: str) -> re.Pattern[str]:
    """A pattern for whole words; see `vocabulary` for the star."""
    parts = [
        re.escape(word[:-1]) + r"[\w'’-]*" if word.endswith("*") else _inflected(word)
        for word in words.split()
    ]
    return re.compile(rf"(?:{'|'.join(parts)})", re.IGNORECASE)


def _inflected(word: str) -> str:
    return re.escape(word) + ("(?:e?s)?" if word.isascii() else "")


def _first(words: list[str], table: dict[str, str]) -> str:
    """The name in the table that the earliest matching word belongs to, or the empty string."""
    for word in words:
        for name, known in table.items():
            if _matcher(known).fullmatch(word):
                return name
    return ""


def _has(words: list[str], known: str) -> bool:
    return any(_matcher(known).fullmatch(word) for word in words)


def language_of(text: str) -> str:
    """ "uk" when at least half of the letters are Cyrillic, else "en"."""
    letters = len(_LETTER.findall(text))
    return "uk" if letters and 2 * len(_CYRILLIC.findall(text)) >= letters else "en"


def kept_words(prompt: str) -> str:
    """The person's text without what dangles at its ends."""
    return prompt.strip().rstrip(",;. \n\t")


def enhance(prompt: str, *, seed: int = 0) -> Enhancement:
    """Enhance a prompt; another seed gives another variant.

    Raises EngineError("empty_prompt", "prompt_too_long" or "bad_seed") naming the field. A prompt that
    leaves no room below `MAX_PROMPT_LENGTH` characters comes back with fewer phrases, or none.
    """
    enhance_check(prompt, seed)
    kept = kept_words(prompt)
    words = WORD.findall(_NETWORKS.sub(" ", kept).casefold())
    language = language_of(_NETWORKS.sub(" ", kept))
    rng = random.Random(f"{seed}\n{kept}")  # noqa: S311 - a choice of words, no secret
    subject = _first(words, keywords.SUBJECTS) or "object"
    named = _first(words, keywords.THEMES)
    theme = named or rng.choice(SUITED[subject])
    pools = {DETAIL: SUBJECT_DETAILS[subject], **THEMES[theme]}
    present = {name for name, known in keywords.PRESENT.items() if _has(words, known)}
    if named:
        present.add(MEDIUM)
    if len(words) >= RICH:
        present |= set(ORDER[:-1])
    chosen = [rng.choice(pools[name]) for name in ORDER]  # drawn for all, so that one word changes one choice
    wanted = [phrase for name, phrase in zip(ORDER, chosen, strict=True) if name not in present]
    added = fitting(kept, words, [_said(phrase, language) for phrase in wanted])
    return Enhancement(
        prompt=SEPARATOR.join([kept, *added]) if added else prompt,
        added=tuple(added),
        theme=theme,
        language=language,
        seed=seed,
    )


def enhance_check(prompt: str, seed: int) -> None:
    """Raise the ``EngineError`` of ``enhance``."""
    if not prompt.strip(" ,;.\n\t"):
        raise EngineError(
            "empty_prompt",
            "There is nothing to enhance: the prompt is empty.",
            hint="Write what the picture should show, a word is enough.",
            field="prompt",
        )
    if len(prompt) > MAX_PROMPT_LENGTH:
        raise EngineError(
            "prompt_too_long",
            f"The prompt has {len(prompt)} characters; at most {MAX_PROMPT_LENGTH} are possible.",
            field="prompt",
        )
    if not 0 <= seed <= MAX_SEED:
        raise EngineError("bad_seed", f"The seed must lie between 0 and {MAX_SEED}.", field="seed")


def _said(phrase: Phrase, language: str) -> str:
    return phrase.uk if language == "uk" else phrase.en


def fitting(kept: str, words: list[str], phrases: list[str]) -> list[str]:
    """The phrases that say something new, as long as the whole stays within the limit; ``words`` are those of
    ``kept``, in small letters.
    """
    known, room, fitting = set(words), MAX_PROMPT_LENGTH - len(kept), []
    for phrase in phrases:
        own = WORD.findall(phrase.casefold())
        if all(word in known for word in own) or len(SEPARATOR) + len(phrase) > room:
            continue
        room -= len(SEPARATOR) + len(phrase)
        fitting.append(phrase)
    return fitting
