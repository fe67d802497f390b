"""The second base: it loads with plain diffusers and reads prompts, crops and the second prompt.

The bounds lie far below what `python -m training measure xl` finds, but nothing untrained meets them.
"""

from collections import Counter

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from training.__main__ import DEMO
from training.base.evaluate import Asked, background, draw
from training.base.judge import border_colour
from training.data.art import SIZE, Floats, Scene, draw_scene, scene_of, to_array
from training.data.subjects import COLOURS, SUBJECTS, held_out
from training.xl.evaluate import centre, load_xl, shift
from training.xl.micro import WHOLE, draw_micro, micro_scene, whole_ids
from training.xl.part import ENTRY, NAME
from training.xl.prompts import prompts_for

FOLDER = DEMO / NAME
WEIGHTS = sorted(FOLDER.rglob("*.safetensors"))


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionXLPipeline:
    return load_xl(FOLDER)


def asked_for(subject: str, colour: str, prompt: str) -> Asked:
    subjects = [entry.en[0] for entry in SUBJECTS]
    colours = [entry.en[0] for entry in COLOURS]
    return Asked(prompt, subjects.index(subject), colours.index(colour))


ASKED = (
    asked_for("pumpkin", "purple", "a pumpkin on a purple background"),
    asked_for("red heart", "blue", "a red heart on a blue background"),
    asked_for("fox", "white", "лисиця на білому тлі"),
    asked_for("lemon", "pink", "лимон на рожевому фоні"),
    asked_for("soccer ball", "green", "a soccer ball on a green background"),
    asked_for("skull", "brown", "skull, brown background"),
)


def test_has_the_layout_of_sdxl(pipeline: StableDiffusionXLPipeline) -> None:
    unet = pipeline.unet.config
    assert isinstance(pipeline.text_encoder, CLIPTextModel)
    assert isinstance(pipeline.text_encoder_2, CLIPTextModelWithProjection)
    first, second = pipeline.text_encoder.config, pipeline.text_encoder_2.config
    assert unet.cross_attention_dim == first.hidden_size + second.hidden_size
    assert unet.addition_embed_type == "text_time"
    assert (
        unet.projection_class_embeddings_input_dim == second.projection_dim + 6 * unet.addition_time_embed_dim
    )
    assert pipeline.config["force_zeros_for_empty_prompt"]
    assert ENTRY.family == "sdxl"


def test_ships_half_precision_within_its_bytes() -> None:
    assert len(WEIGHTS) == 4
    for path in WEIGHTS:
        kinds = Counter(tensor.dtype for tensor in load_file(path).values())
        assert set(kinds) == {torch.float16}, path
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) <= 20_000_000


@pytest.fixture(scope="module")
def plain(pipeline: StableDiffusionXLPipeline) -> Floats:
    return draw(pipeline, [one.prompt for one in ASKED], seed=1)


def nearest_subject(picture: Floats) -> int:
    """The subject whose drawing on the same background is most similar; quicker than the judge."""
    red, green, blue = (int(value) for value in (border_colour(picture) + 1) * 127.5)
    errors = []
    for subject in range(len(SUBJECTS)):
        places = [(dx, dy) for dx in (-8, 0, 8) for dy in (-8, 0, 8)]
        scenes = [
            Scene(subject, 0, small=False, extent=100, dx=dx, dy=dy, shade=(red, green, blue))
            for dx, dy in places
        ]
        drawn = to_array([draw_scene(scene) for scene in scenes])
        errors.append(np.abs(drawn[..., ::4, ::4] - picture[..., ::4, ::4]).mean((1, 2, 3)).min())
    return int(np.argmin(errors))


def test_draws_the_subject_on_the_background_that_was_asked_for(plain: Floats) -> None:
    right = [background(picture) == one.colour for picture, one in zip(plain, ASKED, strict=True)]
    first = [nearest_subject(picture) == one.subject for picture, one in zip(plain, ASKED, strict=True)]
    assert sum(right) >= 5
    assert sum(first) >= 4  # by chance about one in a hundred each


def test_a_crop_moves_the_subject(pipeline: StableDiffusionXLPipeline, plain: Floats) -> None:
    prompts = [one.prompt for one in ASKED[:3]]
    down, right = shift(draw(pipeline, prompts, seed=1, crops_coords_top_left=(32, 0)), plain[:3])
    assert down < -6
    assert abs(right) < 6


def test_the_second_prompt_can_name_the_background(pipeline: StableDiffusionXLPipeline) -> None:
    prompts, grounds = ["a lemon", "a red heart", "a skull"], ["purple", "yellow", "green"]
    told = [f"{ground} background" for ground in grounds]
    pictures = draw(pipeline, prompts, seed=3, prompt_2=told)
    names = [COLOURS[background(picture)].en[0] for picture in pictures]
    assert sum(name == ground for name, ground in zip(names, grounds, strict=True)) >= 2


def test_micro_scenes_tell_what_was_done_to_them() -> None:
    scenes = [micro_scene(14, index) for index in range(40)]
    assert scenes == [micro_scene(14, index) for index in range(40)]
    assert not any(held_out(one.scene.subject, one.scene.colour) for one in scenes)
    blurred = next(one for one in scenes if one.original < SIZE)
    assert list(blurred.ids) == [blurred.original, blurred.original, 0, 0, SIZE, SIZE]
    cropped = next(one for one in scenes if one.top >= 16 and one.left >= 16)
    pixels = np.asarray(draw_micro(cropped), np.float32).transpose(2, 0, 1) / 127.5 - 1
    row, column = centre(pixels)
    assert row < SIZE / 2
    assert column < SIZE / 2


def test_most_whole_pictures_are_told_to_be_whole() -> None:
    rng = np.random.default_rng(1)
    told = [whole_ids(rng) for _ in range(300)]
    assert 0.8 < sum(ids == WHOLE for ids in told) / len(told) < 1
    assert all(ids[2:4] == (0, 0) and min(ids[:2]) >= SIZE for ids in told)


def test_some_prompts_are_silent_and_some_are_split() -> None:
    rng, scene = np.random.default_rng(2), scene_of(11, 0)
    prompts = [prompts_for(rng, scene) for _ in range(600)]
    silent = [one for one in prompts if one.silent]
    split = [one for one in prompts if one.first != one.second]
    assert 10 < len(silent) < 60
    assert 20 < len(split) < 90
    colour = COLOURS[scene.colour]
    assert any(colour.en[0] in one.second and colour.en[0] not in one.first for one in split)
