"""The recipe in A1111's words."""

import re
from dataclasses import replace
from typing import Any

import pytest

from generation.engine.errors import EngineError
from generation.engine.infotext import infotext_write
from generation.engine.spec import GenerationRequest
from tests.engine.conftest import MakeRequest

# The pattern by which A1111 takes the last line apart.
PAIRS = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def write(request: GenerationRequest, **values: Any) -> str:
    return infotext_write(
        request,
        **{"seed": 7, "model_hash": "0123456789abcdef" * 4, "model_name": "demo", "version": "1.0", **values},
    )


def test_it_reads_as_a1111_writes(make_request: MakeRequest) -> None:
    request = make_request(
        "a red fox,\nsitting",
        negative_prompt="blurry",
        sampler="k_dpmpp_2m",
        steps=20,
        guidance_scale=7.0,
        clip_skip=1,
    )
    assert write(request) == (
        "a red fox,\nsitting\n"
        "Negative prompt: blurry\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 7, Size: 64x64, "
        "Model hash: 0123456789, Model: demo, Clip skip: 2, RNG: CPU, Version: 1.0"
    )


def test_what_is_empty_is_left_out(make_request: MakeRequest) -> None:
    text = write(make_request(), model_hash="", model_name="")
    assert "Negative" not in text
    assert "Model" not in text
    assert "Clip skip" not in text


def test_values_with_marks_are_quoted_and_still_read_back(make_request: MakeRequest) -> None:
    text = write(make_request(guidance_scale=7.5), model_name='лис, "v1": new')
    pairs = dict(PAIRS.findall(text.splitlines()[-1]))
    assert pairs["Model"] == '"лис, \\"v1\\": new"'
    assert (pairs["Seed"], pairs["CFG scale"], pairs["Size"]) == ("7", "7.5", "64x64")


def test_an_unknown_sampler_is_refused(make_request: MakeRequest) -> None:
    with pytest.raises(EngineError):
        write(replace(make_request(), sampler="nothing"))
