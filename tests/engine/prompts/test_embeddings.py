"""Where textual inversions stand in a prompt."""

from collections.abc import Sequence

import pytest

from generation.engine.prompts import (
    EmbeddingToken,
    Segment,
    embedding_tokens,
    named_in,
    prompt_chunks,
    with_embeddings,
)
from generation.engine.prompts.chunks import Token


def tokenize(text: str) -> list[int]:
    """A token per word, whatever its case; a hyphen is a word."""
    return [sum(map(ord, word)) for word in text.lower().replace("-", " - ").split()]


STYLE, LONGER, ONE = embedding_tokens("s", 3), embedding_tokens("l", 2), embedding_tokens("o", 1)
KNOWN = {"my-style": STYLE, "my-style-two": LONGER, "neg": ONE}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a fox", [tokenize("a")[0], tokenize("fox")[0]]),
        ("my-style", [STYLE]),
        ("a MY-Style fox", [tokenize("a")[0], STYLE, tokenize("fox")[0]]),
        ("my-style-two", [LONGER]),
        ("my-style neg my-style", [STYLE, ONE, STYLE]),
        ("negative", tokenize("negative")),
        ("my-", tokenize("my-")),
        ("", []),
    ],
)
def test_names_become_vectors(text: str, expected: Sequence[Token]) -> None:
    assert with_embeddings(tokenize, KNOWN)(text) == expected


def test_names_without_tokens_are_never_found() -> None:
    assert with_embeddings(tokenize, {" ": STYLE})("a fox") == tokenize("a fox")
    assert with_embeddings(tokenize, {}) is tokenize


def test_vectors_stay_in_one_chunk_with_their_weight() -> None:
    segments = [Segment("fox " * 73), Segment("my-style", 1.3)]
    first, second = prompt_chunks(segments, with_embeddings(tokenize, KNOWN), comma=None)
    assert len(first.tokens) == 73
    assert (second.tokens, second.weights) == (STYLE, (1.3, 1.3, 1.3))
    tokens, _ = second.padded(bos=1, eos=2, pad=3)
    assert tokens[:5] == (1, *STYLE, 2)
    assert second == prompt_chunks(segments[1:], with_embeddings(tokenize, KNOWN), comma=None)[0]
    assert hash(second) != hash(first)


def test_vectors_of_different_files_are_different() -> None:
    assert embedding_tokens("a", 1) != embedding_tokens("b", 1)
    assert embedding_tokens("a", 2) == (EmbeddingToken("a", 0), EmbeddingToken("a", 1))


def test_only_those_are_looked_for_that_may_be_meant() -> None:
    assert named_in(["a fox, MY-STYLE", "blurry"], ["my-style", "neg", " "]) == {"my-style", " "}
    assert named_in([r"a my\-style"], ["my-style", "neg"]) == {"my-style"}
    assert named_in(["[a|my]-style"], ["my-style", "neg"]) == {"my-style", "neg"}
    assert named_in(["a fox", "Negative"], ["my-style", "neg"]) == {"neg"}
