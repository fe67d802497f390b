"""The shipped preview decoder: diffusers loads it, the engine finds it, and it shows what will come."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from generation.engine import checkpoints
from generation.engine.preview import DecodedColours, LatentColours, latent_colours, painter_for
from training.__main__ import DEMO
from training.base.latents import encode, scale_of
from training.data.art import SIZE, draw_scene, scene_of, to_array
from training.tiny_decoder.data import decoded, load_vae
from training.tiny_decoder.part import ENTRY, load_tiny, psnr

BASE = DEMO / "base"
FOLDER = DEMO / ENTRY.path


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def vae() -> AutoencoderKL:
    return load_vae(BASE)


@pytest.fixture(scope="module")
def latents(vae: AutoencoderKL) -> torch.Tensor:
    """Scaled latents of scenes that no training saw."""
    pictures = to_array([draw_scene(scene_of(1_000_003, at)) for at in range(4)])
    return encode(vae, pictures) * scale_of(vae)


def test_it_comes_close_to_the_full_decoder(vae: AutoencoderKL, latents: torch.Tensor) -> None:
    wanted = decoded(vae, latents)
    with torch.no_grad():
        ours = load_tiny(FOLDER).decode(latents).sample
    checkpoint = checkpoints.load(BASE, torch.float32)
    colours = latent_colours(checkpoint.preview)
    usual = to_array([colours.image(one[None]).resize((SIZE, SIZE)) for one in latents])
    assert psnr(ours, wanted) > psnr(torch.from_numpy(usual), wanted) + 2


def test_the_engine_paints_previews_with_it(latents: torch.Tensor) -> None:
    painter = painter_for(checkpoints.load(BASE, torch.float32))
    assert isinstance(painter, DecodedColours)
    shown = np.asarray(painter.image(latents[:1]), np.float32)
    with torch.no_grad():
        loaded = load_tiny(FOLDER).decode(latents[:1]).sample[0]
    whole = ((loaded + 1) * 127.5).clamp(0, 255).permute(1, 2, 0).numpy()
    assert shown.shape == (SIZE, SIZE, 3)
    assert float(np.abs(shown - whole).mean()) < 1


def test_a_checkpoint_without_it_keeps_the_linear_map(tmp_path: Path) -> None:
    for part in BASE.iterdir():
        if part.name != FOLDER.name:
            (tmp_path / part.name).symlink_to(part)
    assert isinstance(painter_for(checkpoints.load(tmp_path, torch.float32)), LatentColours)


def test_it_is_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 700_000
