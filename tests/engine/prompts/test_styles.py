"""Styles merged into prompts, and found in them again."""

import pytest

from generation.engine.errors import EngineError
from generation.engine.prompts import Style, styles_apply, styles_extract, styles_read
from generation.engine.prompts.styles import style_remove

MASTER = Style("Master", "masterpiece, {prompt}", "lowres")
GREG = Style("Greg", "art by greg")


@pytest.mark.parametrize(
    ("style", "prompt", "expected"),
    [
        ("masterpiece", "1girl, art by greg, masterpiece", (True, "1girl, art by greg")),
        ("masterpiece, {prompt}", "masterpiece, 1girl, art by greg", (True, "1girl, art by greg")),
        ("masterpiece, {prompt}", "exquisite, 1girl, art by greg", (False, "exquisite, 1girl, art by greg")),
    ],
)
def test_what_was_executed_upstream(style: str, prompt: str, expected: tuple[bool, str]) -> None:
    assert style_remove(style, prompt) == expected


def test_styles_are_merged_and_found_again() -> None:
    merged = styles_apply("a fox", "blurry", [GREG, MASTER])
    assert merged == ("masterpiece, a fox, art by greg", "blurry, lowres")
    assert styles_extract(*merged, [MASTER, GREG]) == (("Greg", "Master"), "a fox", "blurry")


def test_an_empty_prompt_is_only_the_style() -> None:
    assert styles_apply("", "", [GREG]) == ("art by greg", "")


def test_a_styles_file() -> None:
    text = (
        "\ufeffname,prompt,negative_prompt\r\n"
        '"# --- Light ---",,\r\n'
        'Dusk,"{prompt}, dusk, ""golden""\nlight",noon\r\n'
        "Short\r\n"
        ",nameless,\r\n"
    )
    assert styles_read(text) == (Style("Dusk", '{prompt}, dusk, "golden"\nlight', "noon"), Style("Short"))
    assert styles_read("name,text\nOld,oil\n") == (Style("Old", "oil"),)


@pytest.mark.parametrize("text", ["name\n" + "x" * 200_000, "name\n" + "x\n" * 1_000_001])
def test_a_bad_styles_file_is_refused(text: str) -> None:
    with pytest.raises(EngineError) as caught:
        styles_read(text)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "styles")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "name,prompt\n"])
def test_a_file_without_styles_has_none(text: str) -> None:
    assert styles_read(text) == ()


def test_styles_cannot_grow_without_bound() -> None:
    with pytest.raises(EngineError) as caught:
        styles_apply("a fox", "", [Style("Boom", "{prompt} " * 50)] * 50)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "prompt")
