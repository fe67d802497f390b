"""The recipe in A1111's words, written and read back."""

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sd_parsers import ParserManager

from gallery.encoding import png_encode
from generation.engine.errors import EngineError
from generation.engine.infotext import (
    Recipe,
    RecipeLora,
    document_read,
    document_write,
    infotext_format,
    infotext_write,
    parameters_split,
    recipe_read,
    unit_read,
    unit_write,
)
from generation.engine.infotext.a1111 import recipe_from_parameters
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


def test_more_pairs_come_before_the_version(make_request: MakeRequest) -> None:
    extra = {"Tiling": "True", "Lora hashes": "abc: 0123456789ab", "Mask blur": ""}
    last = write(make_request(), extra=extra).splitlines()[-1]
    assert last.endswith(', RNG: CPU, Tiling: True, Lora hashes: "abc: 0123456789ab", Version: 1.0')


def test_what_we_write_is_read_as_the_same_recipe(make_request: MakeRequest) -> None:
    request = make_request(
        "a (red:1.2) fox,\n<lora:ink:0.8> [day:night:0.5]",
        negative_prompt="blurry,\nlow",
        sampler="DPM++ 2M",
        schedule="Exponential",
        steps=31,
        guidance_scale=6.5,
        clip_skip=1,
    )
    assert recipe_from_parameters(write(request, model_name="лис: 2")) == Recipe(
        source="a1111",
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        steps=31,
        sampler="DPM++ 2M",
        scheduler="Exponential",
        cfg_scale=6.5,
        seed=7,
        width=64,
        height=64,
        model="лис: 2",
        model_hash="0123456789",
        clip_skip=1,
        extra={"RNG": "CPU", "Version": "1.0"},
    )


@pytest.fixture
def our_png(make_request: MakeRequest) -> bytes:
    request = make_request("a red fox, (snow:1.2)", negative_prompt="blurry, лис", steps=12)
    recipe = {
        "version": 1,
        "prompt": request.prompt,
        "seed": 7,
        "steps": 12,
        "sampler": "Euler",
        "job_id": "x",
    }
    return png_encode(Image.new("RGB", (64, 64)), infotext=write(request), recipe=recipe)


def test_our_pictures_are_read_from_their_json(our_png: bytes) -> None:
    recipe = recipe_read(our_png)
    assert recipe == Recipe(source="sdweb", prompt="a red fox, (snow:1.2)", seed=7, steps=12, sampler="Euler")


def test_another_programs_reader_reads_our_pictures(our_png: bytes) -> None:
    found = ParserManager().parse(io.BytesIO(our_png))
    assert found is not None
    (sampler,) = found.samplers
    assert [prompt.value for prompt in sampler.prompts] == ["a red fox, (snow:1.2)"]
    assert [prompt.value for prompt in sampler.negative_prompts] == ["blurry, лис"]
    assert sampler.name == "Euler"
    assert sampler.parameters["steps"] == "12"
    assert sampler.parameters["seed"] == "7"
    assert sampler.model is not None
    assert (sampler.model.name, sampler.model.hash) == ("demo", "0123456789")


KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9 /-]{1,20}", fullmatch=True).filter(lambda key: key == key.strip())
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=30)
    .map(str.strip)
    .filter(lambda line: not line.startswith("Negative prompt:")),
    max_size=4,
).map(lambda lines: "\n".join(lines).strip())


@given(LINES, LINES, st.dictionaries(KEYS, TEXT.filter(bool), min_size=3, max_size=8))
@settings(max_examples=50, deadline=None)
def test_any_values_come_back(prompt: str, negative: str, pairs: dict[str, str]) -> None:
    if any(key == value for key, value in pairs.items()):
        return  # A1111 writes such a pair as the key alone, which nobody can read back
    read = parameters_split(infotext_format(prompt, negative, pairs.items()))
    assert (read.prompt, read.negative_prompt, read.pairs) == (prompt, negative, pairs)


WHOLES = st.none() | st.integers(-(2**63), 2**63)
REALS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
RECIPES = st.builds(
    Recipe,
    source=st.sampled_from(["sdweb", "comfyui"]),
    prompt=TEXT,
    negative_prompt=TEXT,
    steps=WHOLES,
    sampler=TEXT,
    scheduler=TEXT,
    cfg_scale=REALS,
    seed=WHOLES,
    width=WHOLES,
    height=WHOLES,
    model=TEXT,
    model_hash=TEXT,
    vae=TEXT,
    clip_skip=WHOLES,
    strength=REALS,
    loras=st.lists(st.builds(RecipeLora, TEXT, st.floats(-9, 9)), max_size=3).map(tuple),
    extra=st.dictionaries(TEXT, TEXT, max_size=3),
)


@given(RECIPES)
@settings(max_examples=50, deadline=None)
def test_our_json_is_exact(recipe: Recipe) -> None:
    written = document_write(recipe)
    assert written.isascii()
    assert document_read(written) == recipe


@pytest.mark.parametrize(
    "text", ['{"version": 2, "prompt": "x"}', '{"prompt": "x"}', "[]", "7", '{"version": 1}']
)
def test_other_json_is_not_ours(text: str) -> None:
    assert document_read(text) is None


def test_controlnet_units() -> None:
    unit: dict[str, bool | int | float | str] = {
        "module": "canny",
        "model": "control_v11p_sd15_canny [d14c016b]",
        "weight": 1.0,
        "processor_res": 512,
        "threshold_a": -1,
        "pixel_perfect": True,
    }
    text = unit_write(unit)
    assert text == (
        "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 1.0, Processor Res: 512, "
        "Pixel Perfect: True"
    )
    assert unit_read(text) == {name: value for name, value in unit.items() if value != -1}
    assert unit_write({"model": "a, b"}) is None
    assert unit_read("nothing, Weight: many") == {"weight": "many"}
