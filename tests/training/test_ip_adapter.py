"""The shipped IP-Adapter in diffusers' own loader: pictures follow the reference."""

import numpy as np
import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from safetensors import safe_open
from transformers import CLIPVisionModelWithProjection

from training.__main__ import DEMO
from training.base.evaluate import Asked, background, load, random_prompts
from training.clip.judge import Judge
from training.clip.measure import drawn
from training.data.art import Floats, draw_scene, scene_of
from training.data.subjects import held_out
from training.ip_adapter.data import guide, references
from training.ip_adapter.measure import imagine, load_with_adapter, recoloured
from training.ip_adapter.model import attach, exported_state, starting_state
from training.ip_adapter.part import PATH

FILE = DEMO / PATH
COUNT, SEED = 3, 300


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    return load_with_adapter(DEMO, "base", PATH)


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    return random_prompts(COUNT, SEED, unseen=True)


@pytest.fixture(scope="module")
def shown(asked: list[Asked]) -> Floats:
    return drawn(asked, SEED)


def test_the_file_has_the_names_of_the_original_adapter() -> None:
    assert FILE.stat().st_size <= 1_500_000
    with safe_open(str(FILE), framework="pt") as file:
        names = set(file.keys())
        assert file.get_tensor("image_proj.proj.weight").dtype == torch.float16
    layers = {f"ip_adapter.{n}.to_{kind}_ip.weight" for n in range(1, 14, 2) for kind in "kv"}
    projection = {f"image_proj.{name}" for name in ("proj.weight", "proj.bias", "norm.weight", "norm.bias")}
    assert names == layers | projection


def test_pictures_come_nearer_to_the_reference_with_the_scale(
    pipeline: StableDiffusionPipeline, asked: list[Asked], shown: Floats
) -> None:
    judge = Judge.load(DEMO / "clip")
    target, likeness, ground = judge.pictures(shown), [], []
    for scale in (0.0, 1.0):
        made = imagine(pipeline, shown, [""] * COUNT, scale, SEED)
        likeness.append(float((judge.pictures(made) * target).sum(1).mean()))
        ground.append(sum(background(one) == want.colour for one, want in zip(made, asked, strict=True)))
    assert likeness[1] > likeness[0] + 0.1
    assert ground[1] >= 2 > ground[0]


def test_the_prompt_decides_the_background_when_it_names_one(
    pipeline: StableDiffusionPipeline, asked: list[Asked], shown: Floats
) -> None:
    other = recoloured(asked, SEED)
    assert all(one.colour != before.colour for one, before in zip(other, asked, strict=True))
    made = imagine(pipeline, shown, [one.prompt for one in other], 0.6, SEED)
    assert sum(background(one) == want.colour for one, want in zip(made, other, strict=True)) >= 2


def test_the_encoder_can_be_registered_by_hand(pipeline: StableDiffusionPipeline, shown: Floats) -> None:
    encoder = CLIPVisionModelWithProjection.from_pretrained(str(DEMO / "clip"), dtype=torch.float32)
    other = load(DEMO / "base")
    other.register_modules(image_encoder=encoder)
    other.load_ip_adapter(
        str(FILE.parent),
        subfolder="",
        weight_name=FILE.name,
        image_encoder_folder=None,
        local_files_only=True,
    )
    one, two = (imagine(each, shown[:1], [""], 1.0, SEED) for each in (pipeline, other))
    np.testing.assert_allclose(one, two, atol=0.02)


def test_the_weights_go_through_the_loader_and_back() -> None:
    unet = UNet2DConditionModel.from_pretrained(str(DEMO / "base" / "unet"), torch_dtype=torch.float32)
    projection = {"proj.weight": torch.randn(512, 128), "proj.bias": torch.randn(512)}
    projection.update({"norm.weight": torch.randn(128), "norm.bias": torch.randn(128)})
    start = starting_state(unet, projection)
    again = exported_state(attach(unet, start))
    for group, part in start.items():
        assert part.keys() == again[group].keys()
        for name, weight in part.items():
            torch.testing.assert_close(again[group][name], weight)
    assert not any(weight.requires_grad for weight in unet.conv_in.parameters())


def test_references_keep_the_subject_and_leave_out_held_out_pairs() -> None:
    for index in range(200):
        scene, (same, other) = scene_of(3, index), references(3, index)
        assert same.subject == other.subject == scene.subject
        assert same.colour == scene.colour != other.colour
        assert not held_out(other.subject, other.colour)
    assert draw_scene(references(3, 0)[1]).size == (128, 128)


def test_where_the_reference_has_another_background_the_caption_names_the_right_one() -> None:
    rng, scene = np.random.default_rng(0), scene_of(3, 0)
    told = [guide(rng, scene) for _ in range(300)]
    assert {one.reference for one in told} == {0, 1, None}
    assert all(one.text for one in told if one.reference == 1)
