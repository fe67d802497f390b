"""Weights by brackets, as A1111 reads them."""

import pytest

from generation.engine.prompts import Emphasis, Segment, escape, parse_attention


def pairs(text: str, **options: Emphasis) -> list[tuple[str, float]]:
    return [(one.text, one.weight) for one in parse_attention(text, **options)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("normal text", [("normal text", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1.0),
                ("house", 1.5730000000000004),
                (" ", 1.1),
                ("on", 1.0),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641000000000006),
                (".", 1.1),
            ],
        ),
        ("", [("", 1.0)]),
        ("(a:b)", [("a:b", 1.1)]),
        ("a) b", [("a) b", 1.0)]),
        (":1.2) x", [(":1.2) x", 1.0)]),
        ("[x:1.2]", [("x:1.2", 1 / 1.1)]),
        ("a (b: 1.2 ) c", [("a ", 1.0), ("b", 1.2), (" c", 1.0)]),
        ("a BREAK b", [("a", 1.0), ("BREAK", -1.0), ("b", 1.0)]),
        ("(a BREAK b:1.3)", [("a", 1.3), ("BREAK", -1.3), ("b", 1.3)]),
        ("(a:-0.5)", [("a", -0.5)]),
        ("((a):1.5)", [("a", 1.1 * 1.5)]),
        ("(a:1.2", [("a:1.2", 1.1)]),
        ("(a:1.2.3)", [("a:1.2.3", 1.1)]),
    ],
)
def test_what_was_executed_upstream(text: str, expected: list[tuple[str, float]]) -> None:
    assert pairs(text) == expected


def test_break_in_brackets_is_a_word() -> None:
    assert [one.is_break for one in parse_attention("a BREAK b")] == [False, True, False]
    assert not any(one.is_break for one in parse_attention("(a BREAK b:1.3)"))


def test_breakfast_is_no_break() -> None:
    assert pairs("BREAKFAST at noon") == [("BREAKFAST at noon", 1.0)]


def test_emphasis_modes() -> None:
    assert pairs("(a) BREAK b", emphasis=Emphasis.NONE) == [("(a) BREAK b", 1.0)]
    ignored = parse_attention("(a) BREAK b", emphasis=Emphasis.IGNORE)
    assert [one.is_break for one in ignored] == [False, False, True, False]
    assert {one.weight for one in ignored if not one.is_break} == {1.0}
    assert pairs("(a)", emphasis=Emphasis.NO_NORM) == pairs("(a)") == [("a", 1.1)]


def test_escaped_text_is_plain() -> None:
    text = r"(1girl:1.3) [a|b] {c|d} __e__ <lora:f:1> # g BREAK AND \ "
    assert parse_attention(escape(text)) == (Segment(text),)
