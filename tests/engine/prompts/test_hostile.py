"""Whatever anybody types: the documented error or an answer, soon."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.engine.errors import EngineError
from generation.engine.prompts import (
    Segment,
    escape,
    expand,
    parse_negative,
    parse_prompt,
    plan,
    strip_comments,
    styles_extract,
    styles_read,
)
from generation.engine.spec import MAX_PROMPT_LENGTH

SECONDS = 3.0
"""Far more than any of them takes, so that a busy machine does not fail the test."""

PIECES = [
    *"()[]{}|:#<>\\_,$ab3 \n",
    *(
        "BREAK",
        "AND",
        ":1.3)",
        ":-1)",
        "[a:b:3]",
        "[a|b]",
        "<lora:x:1>",
        "__w__",
        "{2$$a|b}",
        ":.5]",
        "é",
        "狐",
    ),
]
prompts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60)


def tokenize(text: str) -> list[int]:
    return [ord(letter) for letter in text if not letter.isspace()]


def read(text: str) -> EngineError | None:
    """Everything there is to do with a prompt; the error it ends in, if any."""
    try:
        drawn = expand(text, seed=7, wildcards={"w": ("a", "{b|c}", "__w__")})
        plan(parse_prompt(drawn), parse_negative(drawn), tokenize, comma=ord(","), steps=30, hires_base=20)
    except EngineError as error:
        return error
    return None


@given(prompts)
@settings(max_examples=150, deadline=None)
def test_nothing_is_raised_but_the_error(text: str) -> None:
    error = read(text)
    assert error is None or error.code == "invalid_request"
    assert error is None or error.field in ("prompt", "negative_prompt")


@given(st.text(max_size=200) | prompts)
@settings(max_examples=150, deadline=None)
def test_escaped_text_comes_back(text: str) -> None:
    written = escape(text)
    assert expand(written, seed=1) == written
    parsed = parse_prompt(written)
    assert (len(parsed.parts), parsed.networks) == (1, ())
    assert {span.segments for span in parsed.schedule(10)[0].spans} == {(Segment(text),)}


@given(st.text(st.characters(exclude_characters="()[]{}<>|:#\\_"), max_size=200))
@settings(max_examples=100, deadline=None)
def test_text_without_marks_is_itself(text: str) -> None:
    if "AND" in text or "BREAK" in text:
        return
    assert parse_prompt(expand(text, seed=1)).schedule(5)[0].at(4) == (Segment(text),)


@given(st.text(st.sampled_from(' ,"\n\r#abcname{}\0'), max_size=200))
@settings(max_examples=100, deadline=None)
def test_styles_files_are_read_or_refused(text: str) -> None:
    with contextlib.suppress(EngineError):
        styles_extract("a, b", "", styles_read("name,prompt\n" + text))


@pytest.mark.parametrize(
    "piece",
    [
        "(", "[", "{", "<", "\\", ":", "|", "#", "_", " ", "\n", "()", "[]", "{}", "(a", "[a:", "[a|", "{a|",
        "<a:", "<a:>", "[a|b]", "[a:b:3]", "(a:1.1)", "BREAK ", "AND ", "__a", "__w__", "{2$$", "[a:b:3]:(",
        "\\(", "a,", "[[a|b]|c]", "{a|b}", "{9999$$__w__}", "é̂", "\U0001f98a",
    ],
)  # fmt: skip
def test_hostile_prompts_end_soon(piece: str) -> None:
    text = (piece * MAX_PROMPT_LENGTH)[:MAX_PROMPT_LENGTH]
    began = time.process_time()
    for attempt in (text, text[: MAX_PROMPT_LENGTH // 2] + ")]}>" * (MAX_PROMPT_LENGTH // 8)):
        error = read(attempt)
        assert error is None or error.field in ("prompt", "negative_prompt")
    assert time.process_time() - began < SECONDS


def test_a_nest_as_deep_as_allowed_is_read() -> None:
    for left, right in ("()", "[]", "{}"):
        assert read(left * 60 + "x" + right * 60) is None
    assert read("[" * 60 + "x" + "|y]" * 60) is None


def test_an_ordinary_prompt_takes_no_time() -> None:
    text = "masterpiece, (1girl:1.2), [red:blue:0.5] hair, {smiling|serious}, <lora:ink:0.8>, " * 4
    began = time.process_time()
    for _ in range(20):
        assert read(text) is None
    # A few milliseconds each; the bound leaves room for a busy machine.
    assert (time.process_time() - began) / 20 < 0.1


def test_comments_of_any_shape_are_stripped_once() -> None:
    text = "#\n" * 1000 + "a # b\n" * 1000
    assert strip_comments(strip_comments(text)) == strip_comments(text) == "a \n" * 1000
