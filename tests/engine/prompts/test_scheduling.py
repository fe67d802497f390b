"""Prompts that change from step to step, as A1111 reads them."""

import pytest

from generation.engine.prompts.scheduling import parse_template


def spans(text: str, steps: int = 10, hires_base: int | None = None) -> list[tuple[int, str]]:
    return [(one.last_step, one.text) for one in parse_template(text).spans(steps, hires_base)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test", [(10, "test")]),
        ("a [b:3]", [(3, "a "), (10, "a b")]),
        ("a [b: 3]", [(3, "a "), (10, "a b")]),
        ("a [[[b]]:2]", [(2, "a "), (10, "a [[b]]")]),
        ("[(a:2):3]", [(3, ""), (10, "(a:2)")]),
        ("a [b : c : 1] d", [(1, "a b  d"), (10, "a  c  d")]),
        ("a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (10, "ade")]),
        ("a [unbalanced", [(10, "a [unbalanced")]),
        ("a [b:.5] c", [(5, "a  c"), (10, "a b c")]),
        # A1111's own doctest says otherwise, and its own code fails it.
        ("a [{b|d{:.5] c", [(10, "a [{b|d{:.5] c")]),
        ("((a][:b:c [d:3]", [(3, "((a][:b:c "), (10, "((a][:b:c d")]),
        ("[a::3] b", [(3, "a b"), (10, " b")]),
        ("[a:b:1.0]", [(10, "a")]),
        ("[a:b:1]", [(1, "a"), (10, "b")]),
        ("[a:b:0]", [(10, "b")]),
        ("[a:b:-1]", [(10, "b")]),
        ("[a:b:20]", [(10, "a")]),
        ("[x:1.2]", [(10, "")]),
        ("[a:b]", [(10, "[a:b]")]),
        ("[a|b:3]", [(10, "[a|b:3]")]),
        (r"\[a:b:3\]", [(10, r"\[a:b:3\]")]),
        ("[a:b: .5 ]", [(5, "a"), (10, "b")]),
        ("[[a:b:3]:c:5]", [(3, "a"), (5, "b"), (10, "c")]),
        ("x | y [a:b:3]", [(10, "x | y [a:b:3]")]),
        ("(x | y) [a:b:3]", [(10, "(x | y) [a:b:3]")]),
        ("a:b [c:d:3]", [(3, "a:b c"), (10, "a:b d")]),
        ("(x:1.2) [a:b:3]", [(3, "(x:1.2) a"), (10, "(x:1.2) b")]),
        ("[a:b:3] \\", [(10, "[a:b:3] \\")]),
        ("[a:b:1e999]", [(10, "a")]),
    ],
)
def test_what_was_executed_upstream(text: str, expected: list[tuple[int, str]]) -> None:
    assert spans(text) == expected


def test_a_bracket_before_a_stray_colon_still_counts() -> None:
    # A1111 with lark 1.1.2 answers this or the plain text, by the hash seed of its process.
    assert spans("[a:b:3]: c") == [(3, "a: c"), (10, "b: c")]


def test_options_take_turns() -> None:
    assert [text for _, text in spans("[a|(b:1.1)]")] == ["a", "(b:1.1)"] * 5
    assert [text for _, text in spans("[fe|]male", 3)] == ["female", "male", "female"]
    assert [text for _, text in spans("[fe|||]male", 5)] == ["female", "male", "male", "male", "female"]


def test_schedules_and_turns_together() -> None:
    assert [text for _, text in spans("[a:b:.25][c|d]x", 4)] == ["acx", "bdx", "bcx", "bdx"]
    assert [text for _, text in spans("[[a:b:2]|c]", 4)] == ["a", "c", "b", "c"]


def test_the_hires_pass_counts_on() -> None:
    assert spans("a [b:.5] c", hires_base=10) == [(10, "a b c")]
    assert spans("a [b:1.5] c", hires_base=10) == [(5, "a  c"), (10, "a b c")]
    assert spans("a [b:13] c", hires_base=10) == [(3, "a  c"), (10, "a b c")]
    assert spans("a [b:3] c", hires_base=10) == [(10, "a b c")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a:b:0.5]", [(5, "a"), (10, "b")]),
        ("[a:b:1.0]", [(1, "a"), (10, "b")]),
        ("[a:b:2.9]", [(2, "a"), (10, "b")]),
        ("[a:b:3]", [(3, "a"), (10, "b")]),
        ("[a:b:0]", [(10, "b")]),
        ("[a:b:-1]", [(10, "b")]),
    ],
)
def test_old_timelines(text: str, expected: list[tuple[int, str]]) -> None:
    template = parse_template(text, old_timelines=True)
    assert [(one.last_step, one.text) for one in template.spans(10)] == expected
