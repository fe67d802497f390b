"""The list of preprocessors: names, parameters and files as data."""

from collections import Counter

import pytest

from generation.engine.errors import EngineError
from generation.engine.preprocess.catalog import (
    CONTROL_TYPES,
    PREPROCESSORS,
    parameters_checked,
    preprocessor_info,
)
from generation.engine.preprocess.loading import NETWORKS
from generation.engine.preprocess.running import PLAIN
from generation.engine.spec import Parameter
from tests.engine.preprocess.page import PAGE, page


def test_every_line_is_carried_out_by_one_function() -> None:
    assert Counter([*PLAIN, *NETWORKS]) == Counter(info.name for info in PREPROCESSORS)


def test_files_are_asked_of_those_that_read_some() -> None:
    assert {info.name for info in PREPROCESSORS if info.files} == set(NETWORKS)


def test_no_two_share_a_name() -> None:
    names = [name.casefold() for info in PREPROCESSORS for name in (info.name, *info.aliases)]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_every_control_type_has_a_preprocessor_of_its_own() -> None:
    first = {info.control_types[0] for info in PREPROCESSORS if info.name != "none"}
    assert first == set(CONTROL_TYPES)


@pytest.mark.parametrize("name", [info.name for info in PREPROCESSORS])
def test_parameters_are_a_form(name: str) -> None:
    entry = preprocessor_info(name)
    assert entry.name == name
    assert parameters_checked(entry, {}) == {each.name: each.default for each in entry.parameters}
    for parameter in entry.parameters:
        if parameter.kind == "bool":
            continue
        for bound in (parameter.minimum, parameter.maximum):
            checked = parameters_checked(entry, {parameter.name: bound})[parameter.name]
            assert checked == bound
            assert type(checked) is (int if parameter.kind == "int" else float)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("canny", "canny"),
        ("Canny", "canny"),
        ("depth", "depth_midas"),
        ("softedge-HED", "softedge_hed"),
        ("hed", "softedge_hed"),
        ("openpose", "openpose"),
        ("dw openpose full", "dw_openpose_full"),
        ("inpaint_global_harmonious", "inpaint_only"),
        ("color", "t2ia_color_grid"),
        ("seg_ufade20k", "seg_ofade20k"),
        ("invert (from white bg & black line)", "invert"),
    ],
)
def test_names_and_aliases_are_understood(written: str, meant: str) -> None:
    assert preprocessor_info(written).name == meant


def test_an_unknown_name_gets_similar_ones() -> None:
    with pytest.raises(EngineError) as caught:
        preprocessor_info("depth_mdias")
    assert (caught.value.code, caught.value.field) == ("unknown_preprocessor", "controlnet.preprocessor")
    assert "depth_midas" in caught.value.hint
    with pytest.raises(EngineError) as caught:
        preprocessor_info("x" * 10_000)
    assert len(caught.value.message) < 200
    assert "canny" in caught.value.hint


def test_canny_has_the_names_and_the_order_of_its_thresholds() -> None:
    assert [parameter.name for parameter in preprocessor_info("canny").parameters] == [
        "canny_low",
        "canny_high",
    ]


@pytest.mark.parametrize(
    ("preprocessor", "given", "field", "said"),
    [
        ("canny", {"canny_low": 0}, "controlnet.canny_low", "between 1 and 255"),
        ("canny", {"canny_low": 256}, "controlnet.canny_low", "between 1 and 255"),
        ("canny", {"canny_low": 10**400}, "controlnet.canny_low", "between 1 and 255"),
        ("canny", {"canny_low": 1.5}, "controlnet.canny_low", "whole number"),
        ("canny", {"canny_low": "100"}, "controlnet.canny_low", "must be a number"),
        ("canny", {"canny_high": True}, "controlnet.canny_high", "must be a number"),
        ("canny", {"canny_high": None}, "controlnet.canny_high", "must be a number"),
        ("canny", {"canny_high": [200]}, "controlnet.canny_high", "must be a number"),
        ("mlsd", {"mlsd_value": float("nan")}, "controlnet.mlsd_value", "between"),
        ("mlsd", {"mlsd_value": float("inf")}, "controlnet.mlsd_value", "between"),
        ("dwpose", {"draw_body": 1}, "controlnet.draw_body", "true or false"),
        ("canny", {"low": 100}, "controlnet.low", "no parameter low"),
        ("invert", {"threshold": 1}, "controlnet.threshold", "no parameter threshold"),
    ],
)
def test_bad_parameters_are_named(
    preprocessor: str, given: dict[str, Parameter], field: str, said: str
) -> None:
    with pytest.raises(EngineError) as caught:
        parameters_checked(preprocessor_info(preprocessor), given)
    assert (caught.value.code, caught.value.field) == ("invalid_request", field)
    assert said in caught.value.message


def test_an_unknown_parameter_is_answered_with_the_known_ones() -> None:
    with pytest.raises(EngineError) as caught:
        parameters_checked(preprocessor_info("canny"), {"low": 1})
    assert caught.value.hint == "It has canny_low, canny_high."


def test_whole_numbers_may_come_as_floats() -> None:
    checked = parameters_checked(preprocessor_info("canny"), {"canny_low": 50.0})
    assert checked == {"canny_low": 50, "canny_high": 200}
    assert isinstance(checked["canny_low"], int)


def test_the_page_says_what_the_catalog_says() -> None:
    assert PAGE.read_text() == page(), "python -m tests.engine.preprocess.page brings it up to date"
