"""ControlNets and T2I-Adapters equal diffusers' own pipelines on latents, alone and several at once; rows
with different pictures share their evaluation.
"""

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from generation.engine.errors import GenerationCancelled
from generation.engine.spec import ControlUnit, HiresFix, InitImage, Mask, ModelRef
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, Denoiser, MakeEngine, MakeRequest
from tests.engine.test_batching import pixels, submit_together
from tests.engine.test_starting_pictures import (
    NEGATIVE,
    PROMPT,
    SEED,
    assert_equal,
    drawing,
    half_mask,
    run_engine,
    run_pipeline,
)
from tests.engine.tiny import SCHEDULER_CONFIG, UNET_CONFIG, tiny_folder
from tests.engine.tiny_control import tiny_controlnet, tiny_controlnet_file, tiny_t2i_adapter, tiny_t2i_file

SIZE = {"width": 64, "height": 64}


@pytest.fixture(scope="module")
def folders(tiny: Path, tiny_xl: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("controls")
    return {
        "one": tiny_controlnet(tiny, root / "one"),
        "two": tiny_controlnet(tiny, root / "two", seed=1),
        "pooled": tiny_controlnet(tiny, root / "pooled", global_pool_conditions=True),
        "xl": tiny_controlnet(tiny_xl, root / "xl"),
        "adapter": tiny_t2i_adapter(root / "adapter"),
        "light": tiny_t2i_adapter(root / "light", kind="light_adapter"),
        "other adapter": tiny_t2i_adapter(root / "other adapter", seed=1),
        "xl adapter": tiny_t2i_adapter(root / "xl adapter", kind="full_adapter_xl"),
    }


@pytest.fixture(scope="module")
def tiny_nine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose U-Net sees the mask."""
    folder = tmp_path_factory.mktemp("nine") / "inpainting"
    return tiny_folder(folder, seed=3, unet={**UNET_CONFIG, "in_channels": 9})


def shapes(*, turned: bool = False) -> Image.Image:
    picture = drawing()
    return picture.transpose(Image.Transpose.ROTATE_90) if turned else picture


def unit(folder: Path, *, turned: bool = False, **values: Any) -> ControlUnit:
    return ControlUnit(model=ModelRef(path=folder), image=shapes(turned=turned), **values)


def pipeline(kind: str, model: Path, **parts: Any) -> Any:
    options = {"add_watermarker": False} if "XL" in kind else {}
    made = getattr(diffusers, kind).from_pretrained(
        model, dtype=torch.float32, local_files_only=True, **parts, **options
    )
    made.set_progress_bar_config(disable=True)
    if not options:  # SDXL's own scheduler is Euler's already
        scheduler = diffusers.EulerDiscreteScheduler.from_config(
            SCHEDULER_CONFIG, timestep_spacing="linspace"
        )
        made.scheduler = scheduler
    return made


def controlnet(folder: Path) -> Any:
    classes: Any = diffusers
    return classes.ControlNetModel.from_pretrained(folder, local_files_only=True)


@pytest.mark.parametrize(
    ("mode", "start", "end"), [("balanced", 0.0, 1.0), ("balanced", 0.3, 0.7), ("control", 0.0, 1.0)]
)
@pytest.mark.parametrize("guidance", [5.0, 1.0])
def test_one_unit_equals_the_pipeline(
    mode: Any,
    start: float,
    end: float,
    guidance: float,
    tiny: Path,
    folders: dict[str, Path],
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    made = pipeline("StableDiffusionControlNetPipeline", tiny, controlnet=controlnet(folders["one"]))
    expected = made(
        PROMPT,
        image=shapes(),
        negative_prompt=NEGATIVE,
        num_inference_steps=6,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(SEED),
        controlnet_conditioning_scale=0.8,
        control_guidance_start=start,
        control_guidance_end=end,
        guess_mode=mode == "control",
        output_type="latent",
        **SIZE,
    ).images
    asked = unit(folders["one"], weight=0.8, start=start, end=end, mode=mode)
    request = make_request(
        PROMPT, negative_prompt=NEGATIVE, steps=6, seed=SEED, guidance_scale=guidance, controls=(asked,)
    )
    result = engine.submit(request).result(TIMEOUT)
    assert_equal(decoded[-1], expected)
    assert result.control_maps[0].tobytes() == shapes().tobytes()
    plain = engine.submit(make_request(PROMPT, negative_prompt=NEGATIVE, steps=6, seed=SEED)).result(TIMEOUT)
    assert pixels(plain) != pixels(result)


def test_two_units_equal_the_pipeline(
    tiny: Path,
    folders: dict[str, Path],
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    networks = [controlnet(folders[name]) for name in ("one", "two")]
    made = pipeline("StableDiffusionControlNetPipeline", tiny, controlnet=networks)
    expected = run_pipeline(
        made,
        image=[shapes(), shapes(turned=True)],
        controlnet_conditioning_scale=[0.7, 1.2],
        control_guidance_start=[0.0, 0.4],
        control_guidance_end=[0.6, 1.0],
        **SIZE,
    )
    units = (
        unit(folders["one"], weight=0.7, end=0.6),
        unit(folders["two"], turned=True, weight=1.2, start=0.4),
    )
    assert_equal(run_engine(engine, make_request, decoded, controls=units), expected)


@pytest.mark.parametrize("channels", [0, 4, 9])
def test_starting_from_a_picture_equals_the_pipeline(
    channels: int,
    tiny: Path,
    tiny_nine: Path,
    folders: dict[str, Path],
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    model = tiny_nine if channels == 9 else tiny
    kind = f"StableDiffusionControlNet{'Inpaint' if channels else 'Img2Img'}Pipeline"
    made = pipeline(kind, model, controlnet=controlnet(folders["one"]))
    options = {"mask_image": half_mask()} if channels else {}
    expected = run_pipeline(
        made,
        image=drawing(),
        control_image=shapes(turned=True),
        strength=0.7,
        controlnet_conditioning_scale=0.8,
        control_guidance_end=0.6,
        **SIZE,
        **options,
    )
    mask = Mask(image=half_mask(), blur=0) if channels else None
    init = InitImage(image=drawing(), strength=0.7, mask=mask)
    asked = (unit(folders["one"], turned=True, weight=0.8, end=0.6),)
    ours = run_engine(engine, make_request, decoded, model=model, init=init, controls=asked)
    assert_equal(ours, expected)


@pytest.mark.parametrize("mode", ["balanced", "control"])
def test_sdxl_equals_the_pipeline(
    mode: Any,
    tiny_xl: Path,
    folders: dict[str, Path],
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    made = pipeline("StableDiffusionXLControlNetPipeline", tiny_xl, controlnet=controlnet(folders["xl"]))
    expected = run_pipeline(
        made, image=shapes(), controlnet_conditioning_scale=0.8, guess_mode=mode == "control", **SIZE
    )
    asked = (unit(folders["xl"], weight=0.8, mode=mode),)
    ours = run_engine(engine, make_request, decoded, model=tiny_xl, controls=asked)
    assert_equal(ours, expected)


def test_averaged_residuals_equal_the_pipelines(
    tiny: Path,
    folders: dict[str, Path],
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    made = pipeline("StableDiffusionControlNetPipeline", tiny, controlnet=controlnet(folders["pooled"]))
    expected = run_pipeline(made, image=shapes(), **SIZE)
    ours = run_engine(engine, make_request, decoded, controls=(unit(folders["pooled"]),))
    assert_equal(ours, expected)


@pytest.mark.parametrize("name", ["adapter", "light", "xl adapter", "two"])
def test_t2i_adapters_equal_the_pipeline(
    name: str,
    tiny: Path,
    tiny_xl: Path,
    folders: dict[str, Path],
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    classes: Any = diffusers
    names = ["adapter", "other adapter"] if name == "two" else [name]
    adapters = [classes.T2IAdapter.from_pretrained(folders[each], local_files_only=True) for each in names]
    xl = "xl" in name
    kind = "StableDiffusionXLAdapterPipeline" if xl else "StableDiffusionAdapterPipeline"
    model = tiny_xl if xl else tiny
    several = len(names) > 1
    made = pipeline(kind, model, adapter=adapters if several else adapters[0])
    images, scales = [shapes(), shapes(turned=True)], [0.8, 0.5]
    expected = run_pipeline(
        made,
        image=images if several else images[0],
        adapter_conditioning_scale=scales if several else scales[0],
        **SIZE,
    )
    asked = tuple(
        unit(folders[each], turned=turned, weight=weight)
        for each, turned, weight in zip(names, (False, True), scales, strict=False)
    )
    assert_equal(run_engine(engine, make_request, decoded, model=model, controls=asked), expected)


def test_files_in_every_layout_are_the_folder(
    tiny_xl: Path,
    folders: dict[str, Path],
    tmp_path: Path,
    engine: StepEngine,
    make_request: MakeRequest,
) -> None:
    bare = tiny_controlnet_file(folders["one"], tmp_path / "bare.safetensors", original=True)
    within = tiny_controlnet_file(
        folders["one"], tmp_path / "within.safetensors", original=True, prefix="control_model."
    )
    torch.save(load_file(bare), tmp_path / "bare.pth")
    (tmp_path / "xl").mkdir()
    ours = tiny_controlnet_file(folders["xl"], tmp_path / "xl.safetensors", original=False)
    adapter = tiny_t2i_file(folders["adapter"], tmp_path / "adapter.safetensors")
    groups: list[tuple[Path | None, list[Path]]] = [
        (None, [folders["one"], bare, within, tmp_path / "bare.pth"]),
        (tiny_xl, [folders["xl"], ours]),
        (None, [folders["adapter"], adapter]),
    ]
    for model, paths in groups:
        made = [
            engine.submit(make_request(model=model, controls=(unit(path),))).result(TIMEOUT) for path in paths
        ]
        assert len({pixels(result)[0] for result in made}) == 1


def test_mixed_company_changes_no_bit_and_leaves_no_trace(
    folders: dict[str, Path], make_engine: MakeEngine, make_request: MakeRequest, denoiser: Denoiser
) -> None:
    engine = make_engine(min_bucket=4)
    values: list[dict[str, Any]] = [
        {"controls": (unit(folders["one"], weight=0.6),)},
        {"controls": (unit(folders["one"], turned=True, weight=1.4, end=0.5),), "seed": 3},
        {"controls": (unit(folders["one"], mode="control", start=0.5),), "steps": 7},
        {"controls": (unit(folders["one"], mode="prompt"),), "sampler": "Euler a"},
    ]
    requests = [make_request(**each) for each in values]
    before = engine.submit(make_request()).result(TIMEOUT)
    alone = [pixels(engine.submit(request).result(TIMEOUT)) for request in requests]
    denoiser.batches.clear()
    together = [pixels(future.result(TIMEOUT)) for future in submit_together(engine, requests)]
    assert together == alone
    assert len(denoiser.batches) <= 10, "of 19 steps most were taken together"
    after = engine.submit(make_request()).result(TIMEOUT)
    assert pixels(before) == pixels(after)


def test_a_cancelled_row_leaves_the_others_untouched(
    folders: dict[str, Path], make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    engine = make_engine(min_bucket=4)
    stays = make_request(controls=(unit(folders["one"]),), seed=5)
    alone = pixels(engine.submit(stays).result(TIMEOUT))
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    goes = engine.submit(
        make_request(controls=(unit(folders["one"], turned=True),), steps=20), is_cancelled=cancelled
    )
    assert pixels(engine.submit(stays).result(TIMEOUT)) == alone
    with pytest.raises(GenerationCancelled):
        goes.result(TIMEOUT)


def test_prompts_in_parts_and_perturbed_attention_are_steered_too(
    folders: dict[str, Path], engine: StepEngine, make_request: MakeRequest
) -> None:
    asked = (unit(folders["one"]), unit(folders["adapter"], mode="prompt"))
    for values in ({"prompt": "a fox AND red :0.5"}, {"prompt": "a fox BREAK red"}, {"pag_scale": 2.0}):
        plain = engine.submit(make_request(**values)).result(TIMEOUT)
        steered = engine.submit(make_request(**values, controls=asked)).result(TIMEOUT)
        assert pixels(plain) != pixels(steered)


def test_the_second_pass_is_steered_by_a_larger_map(
    folders: dict[str, Path], engine: StepEngine, make_request: MakeRequest
) -> None:
    hires = HiresFix(scale=1.5, strength=0.6)
    asked = unit(folders["one"], preprocessor="canny", resolution=128)
    free, led = (
        engine.submit(make_request(hires=hires, controls=controls)).result(TIMEOUT)
        for controls in ((), (asked,))
    )
    assert led.images[0].size == (96, 96)
    assert pixels(free) != pixels(led)
    [drawn] = led.control_maps
    assert drawn.size == (64, 64)
    assert 0 < np.asarray(drawn).mean() < 128


def test_a_hole_is_where_the_mask_is_and_only_the_painted_part_is_seen(
    folders: dict[str, Path], engine: StepEngine, make_request: MakeRequest
) -> None:
    mask = Mask(image=half_mask(), blur=0)
    asked = unit(folders["one"], preprocessor="inpaint_only")
    request = make_request(init=InitImage(image=drawing(), mask=mask), controls=(asked,))
    [drawn] = engine.submit(request).result(TIMEOUT).control_maps
    alpha = np.asarray(drawn.getchannel("A"))
    assert (alpha[:, :31] == 255).all()
    assert (alpha[:, 33:] == 0).all()

    corner = Image.new("L", (64, 64), 0)
    corner.paste(255, (40, 40, 56, 56))
    only = Mask(image=corner, blur=0, only_masked=True, padding=8)
    request = make_request(init=InitImage(image=drawing(), mask=only), controls=(unit(folders["one"]),))
    [seen] = engine.submit(request).result(TIMEOUT).control_maps
    expected = drawing().crop((32, 32, 64, 64)).resize((64, 64), Image.Resampling.LANCZOS)
    assert seen.tobytes() == expected.tobytes()
