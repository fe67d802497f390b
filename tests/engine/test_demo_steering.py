"""With the demo family's trained models the picture follows what steers it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter

from generation.engine.checkpoints.image_encoder import image_encoder_load
from generation.engine.spec import ControlUnit, GenerationRequest, IpAdapterUnit, ModelRef
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT
from training.base.evaluate import background
from training.controlnet.control_images import canny, subject_mask
from training.controlnet.evaluate import agreement, overlap
from training.data.art import to_array

DEMO = Path(__file__).resolve().parents[2] / "models_hub/demo"
SIDE = 128
REACH = 2.0
"""Pixels by which lines may be off."""


def scene(corners: int) -> Image.Image:
    """A shape that no prompt here asks for, off the middle."""
    picture = Image.new("RGB", (SIDE, SIDE), (36, 78, 208))
    ImageDraw.Draw(picture).regular_polygon((52, 70, 40), corners, rotation=20, fill=(240, 220, 90))
    return picture


def painted(engine: StepEngine, requests: list[GenerationRequest]) -> list[Image.Image]:
    """In one batch where they share a key."""
    return [future.result(TIMEOUT).images[0] for future in [engine.submit(each) for each in requests]]


def request(prompt: str, **values: object) -> GenerationRequest:
    options: dict[str, object] = {"width": SIDE, "height": SIDE, "steps": 10, "seed": 42, **values}
    return GenerationRequest(checkpoint=ModelRef(path=DEMO / "base"), prompt=prompt, **options)  # type: ignore[arg-type]


def outline(picture: Image.Image) -> Image.Image:
    """What a hand would draw of it: thick white lines on black."""
    return Image.fromarray(canny(np.asarray(picture))).filter(ImageFilter.MaxFilter(3))


@pytest.mark.parametrize("name", ["canny", "scribble"])
def test_lines_decide_the_shape_against_the_prompt(name: str, engine: StepEngine) -> None:
    scenes = [scene(corners) for corners in (3, 4, 5)]
    wanted = [subject_mask(np.asarray(picture)) for picture in scenes]
    found: dict[float, tuple[float, float]] = {}
    for weight in (0.0, 1.0):
        units = [
            ControlUnit(
                model=ModelRef(path=DEMO / f"controlnet-{name}"),
                image=picture if name == "canny" else outline(picture),
                preprocessor="canny" if name == "canny" else "none",
                resolution=SIDE,
                weight=weight,
            )
            for picture in scenes
        ]
        pictures = [
            np.asarray(picture)
            for picture in painted(
                engine, [request("an apple on a red background", controls=(unit,)) for unit in units]
            )
        ]
        found[weight] = (
            float(
                np.mean(
                    [
                        agreement(canny(one), canny(np.asarray(other)), REACH)
                        for one, other in zip(pictures, scenes, strict=True)
                    ]
                )
            ),
            float(
                np.mean(
                    [overlap(subject_mask(one), mask) for one, mask in zip(pictures, wanted, strict=True)]
                )
            ),
        )
    assert found[1.0][0] > found[0.0][0] + 0.2
    assert found[1.0][1] > found[0.0][1] + 0.05


def test_a_reference_decides_subject_and_background(engine: StepEngine) -> None:
    encoder = image_encoder_load(DEMO / "clip", torch.float32)

    def looked_at(pictures: list[Image.Image]) -> torch.Tensor:
        shown = encoder.processor(pictures, return_tensors="pt").pixel_values
        with torch.inference_mode():
            return torch.nn.functional.normalize(encoder.module(shown).image_embeds)

    prompts = (
        "a red apple on a yellow background",
        "a fox on a purple background",
        "a car on a cyan background",
    )
    references = painted(engine, [request(prompt) for prompt in prompts])
    likeness: dict[float, float] = {}
    grounds: dict[float, list[bool]] = {}
    for scale in (0.0, 1.0):
        units = [
            IpAdapterUnit(
                model=ModelRef(path=DEMO / "ip-adapter/ip-adapter.safetensors"),
                image_encoder=ModelRef(path=DEMO / "clip"),
                images=(reference,),
                scale=scale,
            )
            for reference in references
        ]
        pictures = painted(engine, [request("", seed=7, ip_adapters=(unit,)) for unit in units])
        likeness[scale] = float((looked_at(pictures) * looked_at(references)).sum(1).mean())
        pairs = zip(to_array(pictures), to_array(references), strict=True)
        grounds[scale] = [background(picture) == background(wanted) for picture, wanted in pairs]
    assert likeness[1.0] > likeness[0.0] + 0.4
    assert all(grounds[1.0])
    assert not any(grounds[0.0])
