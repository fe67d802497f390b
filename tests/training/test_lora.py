"""The shipped LoRAs, loaded by diffusers: every key counts, the weight decides, unloading leaves no trace."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from training.__main__ import DEMO
from training.base.evaluate import draw
from training.data.art import Floats
from training.lora.effects import (
    SEED,
    colourfulness,
    file_of,
    line_share,
    pipeline_with,
    sky_distance,
)
from training.lora.network import attach, kohya_tensors
from training.lora.styles import STYLES, Style
from training.lora.train import load_unet

BASE = DEMO / "base"
PROMPTS = ["червоне яблуко на зеленому тлі"]

every_style = pytest.mark.parametrize("style", STYLES.values(), ids=list(STYLES))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def plain() -> Floats:
    return draw(pipeline_with(BASE, DEMO, {}), PROMPTS, SEED)


def at_weights(pipeline: Any, **weights: float) -> Floats:
    """Pictures with LoRAs that are loaded and not merged, at other weights."""
    pipeline.set_adapters([name.replace("_", "-") for name in weights], list(weights.values()))
    return draw(pipeline, PROMPTS, SEED)


def weights_of(unet: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in unet.named_parameters()}


def gains(style: Style) -> dict[str, torch.Tensor]:
    """What weights gain at weight 1, by the names of their layers, computed from the file alone."""
    tensors, found = load_file(file_of(DEMO, style)), {}
    for name in [name.removesuffix(".alpha") for name in tensors if name.endswith(".alpha")]:
        down, up = (tensors[f"{name}.lora_{part}.weight"].float() for part in ("down", "up"))
        scale = float(tensors[f"{name}.alpha"]) / len(down)
        found[name] = scale * (up.flatten(1) @ down.flatten(1)).view(len(up), *down.shape[1:])
    assert len(tensors) == 3 * len(found)
    return found


@every_style
def test_diffusers_merges_every_key_of_the_file(style: Style) -> None:
    pipeline = pipeline_with(BASE, DEMO, {style.name: 0.5})
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()
    before, after = weights_of(load_unet(BASE)), weights_of(pipeline.unet)
    assert before.keys() == after.keys()
    moved = {
        "lora_unet_" + name.removesuffix(".weight").replace(".", "_"): after[name] - before[name]
        for name in before
        if not torch.equal(before[name], after[name])
    }
    expected = gains(style)
    assert moved.keys() == expected.keys()
    for name, change in moved.items():
        torch.testing.assert_close(change, 0.5 * expected[name], atol=1e-5, rtol=1e-3)


def test_the_weights_decide_and_leave_no_trace(plain: Floats) -> None:
    pipeline = pipeline_with(BASE, DEMO, dict.fromkeys(STYLES, 1.0))
    both = draw(pipeline, PROMPTS, SEED)
    lines = at_weights(pipeline, line_art=1.0)
    half_lines = at_weights(pipeline, line_art=0.5)
    warm = at_weights(pipeline, sunset=1.0)
    half_warm = at_weights(pipeline, sunset=0.5)
    assert colourfulness(plain) > colourfulness(half_lines) > colourfulness(lines)
    assert colourfulness(lines) < colourfulness(plain) / 2
    assert line_share(lines) > line_share(plain) + 20
    assert sky_distance(plain) > sky_distance(half_warm) > sky_distance(warm)
    assert sky_distance(warm) < 0.7 * sky_distance(plain)
    assert sky_distance(both) < sky_distance(lines)  # together each does its part
    assert line_share(both) > line_share(warm)
    pipeline.unload_lora_weights()
    assert np.array_equal(draw(pipeline, PROMPTS, SEED), plain)


@every_style
def test_the_file_says_what_it_is(style: Style) -> None:
    with safe_open(file_of(DEMO, style), "pt") as stream:
        said = stream.metadata()
    assert said["ss_network_module"] == "networks.lora"
    assert said["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert said["modelspec.trigger_phrase"] == style.trigger
    [tags] = json.loads(said["ss_tag_frequency"]).values()
    assert max(tags, key=tags.get) == style.trigger
    assert file_of(DEMO, style).stat().st_size <= 500_000


def test_before_training_an_addition_changes_nothing() -> None:
    unet, latents, states = load_unet(BASE), torch.randn(1, 4, 16, 16), torch.randn(1, 77, 128)
    with torch.no_grad():
        before = unet(latents, 500, states).sample
        parts = attach(unet, 1)
        after = unet(latents, 500, states).sample
    assert torch.equal(before, after)
    assert {tensor.dtype for tensor in kohya_tensors(parts).values()} == {torch.float16}
