"""Textual inversions in a prompt: wherever a name stands, its vectors do.

A name is found as A1111 finds it: by its tokens among those of the text, the longest name first. So case does
not matter, and a name inside of a longer word is not found.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from generation.engine.prompts.chunks import Piece, Token, Tokenize


@dataclass(frozen=True, slots=True)
class EmbeddingToken(Piece):
    """One vector of a textual inversion in the place of a token."""

    key: str
    """What tells the textual inversion from others."""
    index: int
    """Which of its vectors."""


def embedding_tokens(key: str, count: int) -> tuple[EmbeddingToken, ...]:
    """What stands for a textual inversion of ``count`` vectors."""
    return tuple(EmbeddingToken(key, index) for index in range(count))


def with_embeddings(tokenize: Tokenize, known: Mapping[str, tuple[EmbeddingToken, ...]]) -> Tokenize:
    """A tokenizer that gives ``known`` tokens, by what people write for them, in one piece each."""
    if not known:
        return tokenize
    names = [(tuple(tokenize(name)), pieces) for name, pieces in known.items()]
    longest_first = sorted((each for each in names if each[0]), key=lambda each: -len(each[0]))
    return lambda text: list(_replaced(tuple(tokenize(text)), longest_first))


def _replaced(
    tokens: tuple[Token, ...], names: Sequence[tuple[tuple[Token, ...], tuple[EmbeddingToken, ...]]]
) -> Iterator[Token]:
    place = 0
    while place < len(tokens):
        found = next((each for each in names if tokens[place : place + len(each[0])] == each[0]), None)
        if found is None:
            yield tokens[place]
            place += 1
        else:
            yield found[1]
            place += len(found[0])


def named_in(texts: Iterable[str], names: Iterable[str]) -> set[str]:
    """Those of ``names`` that may stand in a text: a cheap look before anything is loaded. All of them where
    a schedule may put a name together.
    """
    together = "\n".join(texts).replace("\\", "").casefold()
    return {name for name in names if "[" in together or name.strip().casefold() in together}
