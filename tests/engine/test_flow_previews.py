"""Previews of SD3 and Flux: 16 channels by a linear map, or by a small decoder of TAESD's layout."""

import json
from pathlib import Path

import pytest
import torch

from generation.engine.checkpoints import flow_load
from generation.engine.checkpoints.families import FAMILIES, Family
from generation.engine.exclusive import exclusive_run
from generation.engine.exclusive.running import ExclusiveStep
from generation.engine.preview import DecodedColours, LatentColours, latent_colours, painter_for
from generation.engine.slices import run_through
from generation.engine.spec import GenerationRequest, ModelRef
from tests.engine.test_previews import red_decoder
from tests.engine.tiny_flow import LATENT_CHANNELS, tiny_flux_folder, tiny_sd3_folder


@pytest.mark.parametrize(("family", "make"), [("sd3", tiny_sd3_folder), ("flux", tiny_flux_folder)])
def test_the_familys_colours_show_every_step(family: Family, make: type, tmp_path: Path) -> None:
    checkpoint = flow_load(make(tmp_path / family), torch.float32)
    painter = painter_for(checkpoint)
    assert isinstance(painter, LatentColours)
    facts = FAMILIES[family].preview
    assert facts is not None
    assert torch.equal(painter.factors, torch.tensor(facts["latent_rgb_factors"]))
    steps: list[ExclusiveStep] = []
    request = GenerationRequest(
        checkpoint=ModelRef(path=tmp_path), prompt="a fox", width=64, height=96, steps=3, guidance_scale=1.0
    )
    run_through(exclusive_run(checkpoint, request, on_step=steps.append))
    shown = [painter.image(step.predicted) for step in steps]
    assert {image.size for image in shown} == {(8, 12)}
    assert len({image.tobytes() for image in shown}) == 3


@pytest.mark.parametrize("channels", [4, 16])
def test_a_decoder_must_read_the_familys_latents(channels: int, tmp_path: Path) -> None:
    folder = tiny_flux_folder(tmp_path / "flux")
    red_decoder(folder / "preview_decoder", latent_channels=channels)
    painter = painter_for(flow_load(folder, torch.float32))
    if channels != LATENT_CHANNELS:
        assert isinstance(painter, LatentColours)
        return
    assert isinstance(painter, DecodedColours)
    image = painter.image(torch.randn(1, LATENT_CHANNELS, 8, 8))
    assert image.size == (64, 64)
    assert image.getpixel((30, 30)) == (255, 0, 0)


def test_a_checkpoint_brings_its_own_colours(tmp_path: Path) -> None:
    folder = tiny_sd3_folder(tmp_path / "sd3", t5=False)
    own = {"latent_rgb_factors": [[0.0] * 3] * LATENT_CHANNELS, "bias": [1.0, -1.0, -1.0]}
    (folder / "preview.json").write_text(json.dumps(own))
    painter = painter_for(flow_load(folder, torch.float32))
    assert painter.image(torch.randn(1, LATENT_CHANNELS, 2, 2)).getpixel((0, 0)) == (255, 0, 0)


def test_colours_of_other_latents_become_grey() -> None:
    for preview in (None, {"latent_rgb_factors": [[1.0, 0.0, 0.0]] * 4}):
        red, green, blue = latent_colours(preview, 16).image(torch.ones(1, 16, 1, 1)).getpixel((0, 0))  # type: ignore[misc]
        assert red == green == blue == 255
