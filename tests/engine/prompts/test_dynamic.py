"""Choices and wildcards."""

import re
from collections import Counter

import pytest

from generation.engine.errors import EngineError
from generation.engine.prompts import escape, expand, wildcard_values

WILDCARDS = {
    "colour": ("red", "green", "blue"),
    "animals/cats": ("lynx", "puma"),
    "animals/dogs": ("{wolf|__colour__ fox}",),
    "heavy": ("100::often", "0::never"),
    "loop": ("a __loop__",),
    "twice": ("__twice____twice__",),
    "big": tuple(f"word {index}" for index in range(5000)),
}


def drawn(text: str, count: int = 200) -> Counter[str]:
    return Counter(expand(text, seed=seed, wildcards=WILDCARDS) for seed in range(count))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {red|blue} fox", {"a red fox", "a blue fox"}),
        ("{a|b|}", {"a", "b", ""}),
        ("{{a|b}|c}", {"a", "b", "c"}),
        ("{2$$a|b|c}", {"a, b", "a, c", "b, a", "b, c", "c, a", "c, b"}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{1-2$$a|b}", {"a", "b", "a, b", "b, a"}),
        ("{-2$$a|b}", {"a", "b", "a, b", "b, a"}),
        ("{2-$$a|b}", {"a, b", "b, a"}),
        ("{9$$a|b}", {"a, b", "b, a"}),
        ("__colour__", {"red", "green", "blue"}),
        ("{2$$__animals/cats__}", {"lynx, puma", "puma, lynx"}),
        ("__animals/*__", {"lynx", "puma", "wolf", "red fox", "green fox", "blue fox"}),
        ("{__heavy__|__heavy__}", {"often"}),
        ("{[a|b]|c}", {"[a|b]", "c"}),
        ("{prompt}", {"prompt"}),
        ("a { b | c", {"a { b | c"}),
        ("a } b", {"a } b"}),
        (r"\{a|b\} \__colour__", {r"\{a|b\} \__colour__"}),
        ("snake_case and ____", {"snake_case and ____"}),
        ("a # {b|c} __nothing__\nd", {"a \nd"}),
        ("[a:b:0.5] (c:1.2) <lora:x:1>", {"[a:b:0.5] (c:1.2) <lora:x:1>"}),
    ],
)
def test_what_can_come_out(text: str, expected: set[str]) -> None:
    assert set(drawn(text)) == expected


def test_the_same_seed_draws_the_same() -> None:
    text = "{2$$a|b|c} __colour__ __animals/*__"
    first = [expand(text, seed=seed, wildcards=WILDCARDS) for seed in range(3)]
    # Literal, so that another version or machine that draws otherwise is noticed.
    assert first == ["c, a red puma", "c, b red puma", "c, a red red fox"]


def test_weights_count() -> None:
    counts = drawn("{3::a|1::b}", 2000)
    assert 1400 < counts["a"] < 1600


def test_escaped_text_is_drawn_as_it_is() -> None:
    text = escape("{a|b} __colour__ # c")
    assert expand(text, seed=1, wildcards=WILDCARDS) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__color__", "no wildcard named “color”"),
        ("__a/../../etc/passwd__", "no wildcard"),
        ("__nothing*__", "no wildcard"),
        ("__loop__", "deep"),
        ("__twice__", "deep"),
        ("{" * 65, "brackets inside each other"),
        ("{99$$__big__}" * 30, "too much to draw"),
        ("{999$$__big__}{999$$__big__}", "too much to draw|more than 10000 characters"),
        ("x" * 10_001, "10001 characters"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_error(text: str, message: str) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        expand(text, seed=0, wildcards=WILDCARDS, field="negative_prompt")
    assert (caught.value.code, caught.value.field) == ("invalid_request", "negative_prompt")


def test_a_typing_error_is_helped_with() -> None:
    with pytest.raises(EngineError) as caught:
        expand("__color__", seed=0, wildcards=WILDCARDS)
    assert re.search("colour", caught.value.hint)


def test_a_wildcard_file() -> None:
    assert wildcard_values("\ufeffred\n\n# not this\n 2::blue \r\n") == ("red", "2::blue")
