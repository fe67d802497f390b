"""The shipped upscalers, loaded by spandrel: better than Lanczos on pictures that training never showed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from spandrel import ModelLoader

from training.__main__ import DEMO
from training.data.split import held_out_emoji, unseen_emoji
from training.upscaler.evaluate import (
    REDUCTIONS,
    enlarge,
    held_out_picture,
    load,
    psnr,
    ssim,
    versions,
    write_sheet,
)
from training.upscaler.fit import Config, export, train
from training.upscaler.pictures import Job, batch, shrink

SCALES = (2, 4)
LARGEST = 700_000  # bytes of one file


def _file(scale: int) -> Path:
    return DEMO / "upscalers" / f"x{scale}.safetensors"


@pytest.mark.parametrize("scale", SCALES)
def test_spandrel_recognises_the_file(scale: int) -> None:
    found = ModelLoader().load_from_file(_file(scale))
    assert (found.architecture.id, found.scale, found.purpose) == ("Compact", scale, "SR")
    assert (found.input_channels, found.output_channels) == (3, 3)
    assert _file(scale).stat().st_size <= LARGEST


@pytest.mark.parametrize("scale", SCALES)
def test_it_beats_lanczos_on_held_out_pictures(scale: int) -> None:
    model, gains, likeness = load(_file(scale)), [], []
    for number in range(10):
        original = held_out_picture(200 + number)  # beyond those that the card's figures come from
        made = versions(model, shrink(original, scale, REDUCTIONS[number % 2]))
        gains.append(psnr(made["ours"], original) - psnr(made["Lanczos"], original))
        likeness.append(ssim(made["ours"], original) - ssim(made["Lanczos"], original))
    assert np.mean(gains) >= 1
    assert np.mean(likeness) > 0


@pytest.mark.parametrize("scale", SCALES)
def test_any_size_is_enlarged_exactly_and_plain_grounds_stay_plain(scale: int) -> None:
    made = enlarge(load(_file(scale)), Image.new("RGB", (37, 22), (36, 78, 208)))
    assert made.size == (37 * scale, 22 * scale)
    assert np.abs(np.asarray(made, np.int64) - (36, 78, 208)).max() <= 6


def test_the_measures_know_equal_and_different_pictures() -> None:
    picture = held_out_picture(0)
    noise = np.random.default_rng(1).normal(0, 10, (128, 128, 3))
    noisy = Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))
    assert ssim(picture, picture) == pytest.approx(1)
    assert ssim(noisy, picture) < 0.95
    assert 27 < psnr(noisy, picture) < 31  # sigma 10 is 28.1 dB, a little more where it is clipped


def test_one_emoji_in_ten_is_held_out() -> None:
    assert len(unseen_emoji()) > 100
    assert all(held_out_emoji(emoji) for emoji in unseen_emoji())
    assert held_out_emoji("🍓")
    assert not held_out_emoji("🍎")


@pytest.mark.parametrize("scale", SCALES)
def test_small_and_large_patches_show_the_same(scale: int) -> None:
    small, large = batch(np.random.default_rng(3), Job(("🍎", "😀"), scale), patch=16, count=8)
    assert small.shape == (8, 3, 16, 16)
    assert large.shape == (8, 3, 16 * scale, 16 * scale)
    reduced = torch.nn.functional.avg_pool2d(torch.from_numpy(large), scale).numpy()
    assert np.abs(reduced - small).mean() < 0.03


def test_training_goes_on_from_its_state_and_exports_what_spandrel_loads(tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    data.write_text(json.dumps([{"emoji": "🍎", "group": 4, "version": 1}]), encoding="utf-8")
    state = tmp_path / "x2.pt"
    train(Config(state, data, scale=2, patch=8, minutes=0.01))
    first = torch.load(state, weights_only=True)
    train(Config(state, data, scale=2, patch=8, minutes=0.02))
    second = torch.load(state, weights_only=True)
    assert second["step"] > first["step"] > 0
    assert second["spent"] >= 1.2
    export(state, 2, tmp_path / "x2.safetensors")
    assert ModelLoader().load_from_file(tmp_path / "x2.safetensors").scale == 2


def test_the_sheet_stays_small(tmp_path: Path) -> None:
    write_sheet({scale: _file(scale) for scale in SCALES}, tmp_path)
    sheet = tmp_path / "demo-upscaler-sheet.png"
    assert sheet.stat().st_size <= 250_000
    assert Image.open(sheet).width > 1000
