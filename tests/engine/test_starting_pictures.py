"""img2img and inpainting equal diffusers' own pipelines on latents; everything else about starting from a
picture is measured on the pictures.
"""

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from generation.engine.errors import EngineError
from generation.engine.spec import InitImage, Mask
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeRequest
from tests.engine.tiny import SCHEDULER_CONFIG, UNET_CONFIG, tiny_folder

PROMPT, NEGATIVE, SEED = "a red fox", "a cat", 7
SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "DDIM": ("DDIMScheduler", {}),
    "Euler": ("EulerDiscreteScheduler", {"timestep_spacing": "linspace"}),
    "Euler a": ("EulerAncestralDiscreteScheduler", {"timestep_spacing": "linspace"}),
    "DPM++ 2M": (
        "DPMSolverMultistepScheduler",
        {"timestep_spacing": "linspace", "use_karras_sigmas": True, "algorithm_type": "dpmsolver++"},
    ),
    "Heun": ("HeunDiscreteScheduler", {"timestep_spacing": "linspace"}),
}


def drawing(size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Something with colours, edges and no symmetry."""
    picture = Image.new("RGB", size, (40, 90, 160))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((8, 12, 40, 44), fill=(230, 180, 40))
    draw.rectangle((36, 30, 60, 58), fill=(200, 40, 60))
    return picture


def half_mask() -> Image.Image:
    mask = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(mask).rectangle((32, 0, 64, 64), fill=255)
    return mask


@pytest.fixture(scope="module")
def tiny_nine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose U-Net sees the mask."""
    folder = tmp_path_factory.mktemp("nine") / "inpainting"
    return tiny_folder(folder, seed=3, unet={**UNET_CONFIG, "in_channels": 9})


def pipeline(kind: str, model: Path, sampler: str) -> Any:
    made = getattr(diffusers, kind).from_pretrained(model, dtype=torch.float32, local_files_only=True)
    made.set_progress_bar_config(disable=True)
    name, options = SCHEDULERS[sampler]
    made.scheduler = getattr(diffusers, name).from_config(SCHEDULER_CONFIG, **options)
    return made


def run_pipeline(made: Any, **options: Any) -> torch.Tensor:
    latents: torch.Tensor = made(
        PROMPT,
        negative_prompt=NEGATIVE,
        guidance_scale=5.0,
        num_inference_steps=6,
        generator=torch.Generator("cpu").manual_seed(SEED),
        output_type="latent",
        **options,
    ).images
    return latents


def run_engine(
    engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor], **values: Any
) -> torch.Tensor:
    request = make_request(PROMPT, negative_prompt=NEGATIVE, guidance_scale=5.0, steps=6, seed=SEED, **values)
    engine.submit(request).result(TIMEOUT)
    return decoded[-1]


def assert_equal(ours: torch.Tensor, expected: torch.Tensor) -> None:
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(ours / scale, expected / scale, atol=1e-4, rtol=0)


@pytest.mark.parametrize("sampler", SCHEDULERS)
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_img2img_equals_the_pipeline(
    sampler: str,
    strength: float,
    tiny: Path,
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    made = pipeline("StableDiffusionImg2ImgPipeline", tiny, sampler)
    expected = run_pipeline(made, image=drawing(), strength=strength)
    init = InitImage(image=drawing(), strength=strength)
    assert_equal(run_engine(engine, make_request, decoded, sampler=sampler, init=init), expected)


@pytest.mark.parametrize("sampler", ["DDIM", "Euler", "Heun"])
@pytest.mark.parametrize("strength", [0.6, 1.0])
@pytest.mark.parametrize("channels", [4, 9])
def test_inpainting_equals_the_pipeline(
    sampler: str,
    strength: float,
    channels: int,
    tiny: Path,
    tiny_nine: Path,
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    model = tiny if channels == 4 else tiny_nine
    made = pipeline("StableDiffusionInpaintPipeline", model, sampler)
    expected = run_pipeline(
        made, image=drawing(), mask_image=half_mask(), strength=strength, width=64, height=64
    )
    init = InitImage(image=drawing(), strength=strength, mask=Mask(image=half_mask(), blur=0))
    ours = run_engine(engine, make_request, decoded, model=model, sampler=sampler, init=init)
    assert_equal(ours, expected)


def test_outside_of_the_mask_every_pixel_stays(engine: StepEngine, make_request: MakeRequest) -> None:
    init = InitImage(image=drawing(), mask=Mask(image=half_mask(), blur=0))
    [image] = engine.submit(make_request(init=init)).result(TIMEOUT).images
    before, after = np.asarray(drawing()), np.asarray(image)
    assert np.array_equal(before[:, :32], after[:, :32])
    assert not np.array_equal(before[:, 32:], after[:, 32:])


def test_an_inverted_mask_is_the_mask_of_the_rest(engine: StepEngine, make_request: MakeRequest) -> None:
    other = Image.eval(half_mask(), lambda level: 255 - level)
    masks = (Mask(image=half_mask(), invert=True), Mask(image=other))
    images = [
        engine.submit(make_request(init=InitImage(image=drawing(), mask=mask))).result(TIMEOUT).images[0]
        for mask in masks
    ]
    assert images[0].tobytes() == images[1].tobytes()


def test_an_empty_mask_names_its_field(engine: StepEngine, make_request: MakeRequest) -> None:
    init = InitImage(image=drawing(), mask=Mask(image=Image.new("L", (64, 64), 0)))
    with pytest.raises(EngineError) as caught:
        engine.submit(make_request(init=init)).result(TIMEOUT)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "mask")
    assert engine.submit(make_request()).result(TIMEOUT).images


def test_strength_nought_is_the_picture_itself(engine: StepEngine, make_request: MakeRequest) -> None:
    result = engine.submit(make_request(init=InitImage(image=drawing((50, 70)), strength=0.0))).result(
        TIMEOUT
    )
    assert result.images[0].tobytes() == drawing((50, 70)).tobytes()
    assert engine.stats().ticks == 0


@pytest.mark.parametrize("task", ["img2img", "inpaint"])
def test_sdxl_equals_its_pipelines(
    task: str, tiny_xl: Path, engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    kind = "StableDiffusionXLImg2ImgPipeline" if task == "img2img" else "StableDiffusionXLInpaintPipeline"
    made = pipeline(kind, tiny_xl, "DDIM")
    masked = {"mask_image": half_mask(), "width": 64, "height": 64} if task == "inpaint" else {}
    expected = run_pipeline(made, image=drawing(), strength=0.6, **masked)
    mask = Mask(image=half_mask(), blur=0) if task == "inpaint" else None
    init = InitImage(image=drawing(), strength=0.6, mask=mask)
    ours = run_engine(engine, make_request, decoded, model=tiny_xl, sampler="DDIM", init=init)
    assert_equal(ours, expected)
