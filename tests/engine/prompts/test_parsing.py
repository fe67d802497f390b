"""A prompt as a whole."""

import doctest

import pytest

from generation.engine.errors import EngineError
from generation.engine.prompts import (
    ExtraNetwork,
    HypernetworkUse,
    LoraUse,
    Segment,
    attention,
    parse_negative,
    parse_prompt,
    parsing,
    plain_text,
    strip_comments,
    styles,
)


@pytest.mark.parametrize("module", [attention, parsing, styles], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings(module: object) -> None:
    failed, attempted = doctest.testmod(module)  # type: ignore[arg-type]
    assert (failed, attempted > 0) == (0, True)


def test_parts_have_weights() -> None:
    parts = parse_prompt("a AND b:1.5 AND c : -0.5").parts
    assert [(part.text, part.weight) for part in parts] == [("a", 1.0), (" b", 1.5), (" c", -0.5)]


def test_parts_have_schedules_of_their_own() -> None:
    first, second = parse_prompt("[a:b:2] AND c:.5").schedule(4)
    assert [first.at(index)[0].text for index in range(5)] == ["a", "a", "b", "b", "b"]
    assert (second.weight, second.at(0)) == (0.5, (Segment(" c"),))


@pytest.mark.parametrize("text", ["a film still, 16:9", "BAND on stage", "a  "])
def test_a_lone_part_is_left_as_it_is(text: str) -> None:
    (part,) = parse_prompt(text).parts
    assert (part.text, part.weight) == (text, 1.0)


def test_extra_networks_are_taken_out() -> None:
    parsed = parse_prompt("a <lora:ink:0.8> fox<hypernet:oil:0.5><extra:x:1:k=v:a=b=c>")
    assert parsed.text == "a  fox"
    assert parsed.loras == (LoraUse("ink", 0.8, 0.8),)
    assert parsed.hypernetworks == (HypernetworkUse("oil", 0.5),)
    assert parsed.networks[-1] == ExtraNetwork("extra", "x", ("1", "a=b=c"), (("k", "v"),))
    assert str(parsed.networks[0]) == "<lora:ink:0.8>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<lora:x>", LoraUse("x", 1.0, 1.0)),
        ("<lora:x:0.5>", LoraUse("x", 0.5, 0.5)),
        ("<lora:x:0.5:0.25>", LoraUse("x", 0.5, 0.25)),
        ("<lora:x:0.5:0.25:8>", LoraUse("x", 0.5, 0.25, 8)),
        ("<lora:x:te=0.5>", LoraUse("x", 0.5, 0.5)),
        ("<lora:x:unet=0.5>", LoraUse("x", 1.0, 0.5)),
        ("<lora:x:0.7:unet=-0.5:dyn=4>", LoraUse("x", 0.7, -0.5, 4)),
        ("<lyco:x:1>", LoraUse("x", 1.0, 1.0)),
    ],
)
def test_strengths_of_a_lora(text: str, expected: LoraUse) -> None:
    assert parse_prompt(text).loras == (expected,)


@pytest.mark.parametrize("text", [r"\<lora:x:1>", "<lora>", "<lora:>", "a < b", "<lora:x", "<3 and <3"])
def test_what_only_looks_like_an_extra_network(text: str) -> None:
    parsed = parse_prompt(text)
    assert (parsed.text, parsed.networks) == (text, ())


def test_a_negative_prompt_has_schedule_and_weights_only() -> None:
    parsed = parse_negative("(blurry:1.2) AND [a:b:1] <lora:x:1> # no")
    assert (len(parsed.parts), parsed.loras) == (1, ())
    first, second = (parsed.schedule(2)[0].at(index) for index in range(2))
    assert first == (Segment("blurry", 1.2), Segment(" AND a <lora:x:1> "))
    assert second[1].text == " AND b <lora:x:1> "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a # b", "a "),
        ("# a\nb", "b"),
        ("a\n# b\nc", "a\nc"),
        ("a # b\nc", "a \nc"),
        (r"a \# b", r"a \# b"),
        (r"a \\# b", r"a \\"),
        ("a#", "a"),
    ],
)
def test_comments(text: str, expected: str) -> None:
    assert strip_comments(text) == expected


def test_the_words_alone() -> None:
    (part,) = parse_prompt("a (red:1.3) fox BREAK [old] snow").schedule(1)
    assert plain_text(part.at(0)) == "a red fox old snow"


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_001,
        "(" * 65,
        "(x:2000)",
        "((((x:100):100):100):100)",
        "a AND " * 20,
        "a AND b:99999",
        "<lora:x:much>",
        "<lora:x:nan>",
        "<lora:x:1:1:-3>",
        "<hypernet:x:inf>",
        "<lora:x:1>" * 65,
        "[a:b:3] " * 3 + "[c|d|e|f|g|h|i|j|k|l|m|n|o][p|q|r|s|t|u|v|w|x|y|z]",
    ],
    ids=lambda text: text[:24],
)
@pytest.mark.parametrize("field", ["prompt", "hires_prompt"])
def test_too_much_is_one_clear_error(text: str, field: str) -> None:
    with pytest.raises(EngineError) as caught:
        parse_prompt(text, field=field).schedule(150)
    assert (caught.value.code, caught.value.field) == ("invalid_request", field)
    assert len(caught.value.message) < 200
