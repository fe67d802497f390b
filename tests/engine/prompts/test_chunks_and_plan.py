"""Tokens in chunks of 75, and what counts at which step. One token per word here; a comma is token 0."""

from collections.abc import Sequence

import pytest

from generation.engine.errors import EngineError
from generation.engine.prompts import (
    Chunk,
    Plan,
    Segment,
    parse_negative,
    parse_prompt,
    plan,
    prompt_chunks,
)

COMMA = 0


def tokenize(text: str) -> list[int]:
    return [COMMA if word == "," else 1 + sum(map(ord, word)) for word in text.split()]


def lengths(words: Sequence[str]) -> list[int]:
    chunks = prompt_chunks([Segment(" ".join(words))], tokenize, comma=COMMA)
    assert [token for chunk in chunks for token in chunk.tokens] == tokenize(" ".join(words))
    return [len(chunk.tokens) for chunk in chunks]


@pytest.mark.parametrize(
    ("words", "expected"), [(0, [0]), (1, [1]), (75, [75]), (76, [75, 1]), (200, [75, 75, 50])]
)
def test_chunks_hold_75_tokens(words: int, expected: list[int]) -> None:
    assert lengths(["fox"] * words) == expected


@pytest.mark.parametrize(
    ("commas", "expected"),
    [
        ([75], [75, 15]),
        ([74], [75, 15]),
        ([60], [61, 29]),
        ([55], [56, 34]),
        ([54], [75, 15]),
        ([57, 66], [67, 23]),
        # The first token too many is a comma itself: A1111 does not look back then.
        ([60, 75], [75, 15]),
    ],
)
def test_a_phrase_is_not_torn_if_a_comma_is_near(commas: list[int], expected: list[int]) -> None:
    words = ["fox"] * 90
    for index in commas:
        words[index] = ","
    assert lengths(words) == expected


def test_break_ends_a_chunk() -> None:
    (part,) = parse_prompt("a red fox BREAK (snow:1.2)").schedule(1)
    first, second = prompt_chunks(part.at(0), tokenize, comma=COMMA)
    assert (len(first.tokens), first.weights) == (3, (1.0, 1.0, 1.0))
    assert second.weights == (1.2,)


def test_an_embedding_is_never_torn() -> None:
    def with_embedding(text: str) -> list[int | tuple[int, ...]]:
        return [(900, 901, 902) if word == "style" else 5 for word in text.split()]

    first, second = prompt_chunks([Segment("fox " * 73 + "style")], with_embedding, comma=COMMA)
    assert (len(first.tokens), second.tokens) == (73, (900, 901, 902))
    with pytest.raises(EngineError):
        prompt_chunks([Segment("x")], lambda _: [tuple(range(76))], comma=COMMA)


def test_markers_and_padding_weigh_nothing_special() -> None:
    tokens, weights = Chunk((7, 8), (1.3, 1.3)).padded(bos=1, eos=2, pad=3)
    assert tokens == (1, 7, 8, 2, *[3] * 73)
    assert weights == (1.0, 1.3, 1.3, *[1.0] * 74)


def made(prompt: str, negative: str | None = "", *, steps: int = 4) -> Plan:
    return plan(
        parse_prompt(prompt),
        None if negative is None else parse_negative(negative),
        tokenize,
        comma=COMMA,
        steps=steps,
    )


def test_a_plain_prompt_is_the_same_at_every_step() -> None:
    planned = made("a fox", "blurry")
    assert planned.is_constant
    assert len(planned.texts) == 2
    assert planned.steps[0].positive == ((0, 1.0),)
    assert planned.steps[0].negative == 1


def test_each_text_is_encoded_once() -> None:
    planned = made("[a|b] AND c:0.5", "[c:d:2]", steps=5)
    words = ["".join(one.text for one in segments).strip() for segments in planned.segments]
    assert sorted(words) == ["a", "b", "c", "c", "d"]
    by_step = [[(words[place], weight) for place, weight in step.positive] for step in planned.steps]
    assert by_step == [[(letter, 1.0), ("c", 0.5)] for letter in "ababa"]
    assert [words[step.negative] for step in planned.steps if step.negative is not None] == list("ccddd")


def test_unguided_requests_have_no_negative() -> None:
    planned = made("a fox", None)
    assert (len(planned.texts), planned.steps[0].negative) == (1, None)


def test_all_texts_have_the_same_length() -> None:
    planned = made("fox " * 80, "[a BREAK b BREAK c:d:2]")
    assert planned.chunks == 3
    assert {len(text) for text in planned.texts} == {3}
    assert planned.texts[0][2] == Chunk()


@pytest.mark.parametrize(
    "prompt", ["BREAK " * 1600, "[" + "|".join(map(str, range(30))) + "] " + "fox " * 2000]
)
def test_too_many_chunks_are_refused(prompt: str) -> None:
    with pytest.raises(EngineError) as caught:
        made(prompt, steps=40)
    assert caught.value.field == "prompt"
