"""SD3 and Flux through the engine, beside everybody else's rows; another VAE than the checkpoint's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from generation.engine.checkpoints import flow_load
from generation.engine.decoding import picture_decode
from generation.engine.errors import EngineError, GenerationCancelled
from generation.engine.exclusive import exclusive_run, running
from generation.engine.slices import run_through
from generation.engine.spec import HiresFix, InitImage, LoraUnit, ModelRef, Progress, Refiner
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest
from tests.engine.test_batching import pixels
from tests.engine.test_starting_pictures import assert_equal, drawing
from tests.engine.tiny_flow import tiny_flux_folder, tiny_sd3_folder
from tests.engine.tiny_kinds import tiny_refiner_folder

MAKERS: dict[str, Callable[[Path], Path]] = {"sd3": tiny_sd3_folder, "flux": tiny_flux_folder}


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("flows")
    return {family: make(root / family) for family, make in MAKERS.items()}


@pytest.mark.parametrize("family", MAKERS)
def test_the_engine_runs_them_between_other_peoples_ticks(
    family: str, flows: dict[str, Path], engine: StepEngine, make_request: MakeRequest
) -> None:
    alone = engine.submit(make_request(seed=3)).result(TIMEOUT)
    seen: list[Progress] = []
    request = make_request("a red fox", model=flows[family], batch_size=2, steps=4, seed=5)
    future = engine.submit(request, on_progress=seen.append, wants_preview=lambda: True)
    beside = engine.submit(make_request(seed=3))
    result = future.result(TIMEOUT)
    assert result.seeds == (5, 6)
    assert (result.steps, result.buckets) == (4, (1,))
    expected = run_through(exclusive_run(flow_load(flows[family], torch.float32), request))
    assert pixels(result) == [image.tobytes() for image in expected]
    assert pixels(beside.result(TIMEOUT)) == pixels(alone)
    assert seen[-1].total >= 8
    assert [progress.step for progress in seen] == sorted(progress.step for progress in seen)
    assert any(progress.preview for progress in seen)
    assert result.timings.loaded > 0


def test_one_is_cancelled_within_a_step(
    flows: dict[str, Path], engine: StepEngine, make_request: MakeRequest
) -> None:
    steps: list[int] = []
    request = make_request(model=flows["sd3"], steps=40)
    future = engine.submit(
        request,
        on_progress=lambda progress: steps.append(progress.step),
        is_cancelled=lambda: max(steps, default=0) >= 2,
    )
    with pytest.raises(GenerationCancelled):
        future.result(TIMEOUT)
    assert max(steps) < 6
    assert engine.submit(make_request(model=flows["sd3"])).result(TIMEOUT).images


def test_what_they_cannot_do_is_refused_before_anything_is_loaded(
    flows: dict[str, Path], engine: StepEngine, make_request: MakeRequest
) -> None:
    for values, field in (({"hires": HiresFix()}, "hires"), ({"pag_scale": 2.0}, "pag_scale")):
        with pytest.raises(EngineError) as caught:
            engine.submit(make_request(model=flows["flux"], **values)).result(TIMEOUT)
        assert (caught.value.code, caught.value.field) == ("unsupported_feature", field)
    assert engine.stats().loads == 0


@pytest.mark.parametrize("family", MAKERS)
def test_a_lora_is_worn_by_its_own_request_alone(
    family: str, flows: dict[str, Path], engine: StepEngine, make_request: MakeRequest, tmp_path: Path
) -> None:
    layer = {"sd3": "joint_blocks_0_x_block_attn_qkv", "flux": "double_blocks_0_img_attn_qkv"}[family]
    draw = torch.Generator().manual_seed(0)
    up, down = torch.randn(96, 2, generator=draw), torch.randn(2, 32, generator=draw)
    name = f"lora_unet_{layer}"
    save_file({f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down}, tmp_path / "x.safetensors")
    lora = LoraUnit(model=ModelRef(path=tmp_path / "x.safetensors"))
    before, dressed, after = (
        engine.submit(make_request(model=flows[family], loras=loras))
        for loras in ((), (lora,), ())  # beside one another
    )
    assert pixels(before.result(TIMEOUT)) == pixels(after.result(TIMEOUT)) != pixels(dressed.result(TIMEOUT))
    half = replace(lora, denoiser=0.5)
    other = engine.submit(make_request(model=flows[family], loras=(half,))).result(TIMEOUT)
    assert pixels(other) != pixels(dressed.result(TIMEOUT))


@pytest.mark.parametrize("family", MAKERS)
def test_they_can_be_kept_in_8_bits_and_decoded_in_tiles(
    family: str, flows: dict[str, Path], make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    request = make_request(model=flows[family])
    full, small = (
        np.asarray(make_engine(storage=storage, vae_tiling=True).submit(request).result(TIMEOUT).images[0])
        for storage in ("same", "fp8")
    )
    assert not np.array_equal(full, small)
    assert np.abs(full.astype(int) - small).mean() < 30


def test_another_vae_paints_the_same_latents_otherwise(
    tiny: Path,
    tiny_other: Path,
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    own = engine.submit(make_request()).result(TIMEOUT)
    other = engine.submit(make_request(vae=ModelRef(path=tiny_other))).result(TIMEOUT)
    assert torch.equal(decoded[0], decoded[1])
    assert pixels(own) != pixels(other)
    same = engine.submit(make_request(vae=ModelRef(path=tiny / "vae"))).result(TIMEOUT)
    assert pixels(same) == pixels(own)
    # A picture is encoded with it, too.
    init = InitImage(image=drawing(), strength=0.3)
    for vae in (None, ModelRef(path=tiny_other)):
        engine.submit(make_request(init=init, vae=vae, sampler="DDIM")).result(TIMEOUT)
    assert not np.allclose(decoded[-1].numpy(), decoded[-2].numpy(), atol=1e-2)


def test_a_vae_of_another_family_names_the_field(
    flows: dict[str, Path], engine: StepEngine, make_request: MakeRequest
) -> None:
    with pytest.raises(EngineError) as caught:
        engine.submit(make_request(vae=ModelRef(path=flows["flux"]))).result(TIMEOUT)
    assert caught.value.field == "vae"
    assert engine.submit(make_request()).result(TIMEOUT).images


@pytest.mark.parametrize("guidance", [5.0, 1.0])
def test_a_refiner_takes_over_as_in_diffusers(
    guidance: float, tiny_xl: Path, tmp_path: Path, engine: StepEngine, make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:  # fmt: skip
    import diffusers

    refiner = tiny_refiner_folder(tmp_path / "refiner")
    base: Any = diffusers.StableDiffusionXLPipeline.from_pretrained(tiny_xl)
    second: Any = diffusers.StableDiffusionXLImg2ImgPipeline.from_pretrained(refiner)
    options = {"prompt": "a red fox", "negative_prompt": "a cat", "guidance_scale": guidance}
    for pipeline in (base, second):
        pipeline.set_progress_bar_config(disable=True)
        pipeline.scheduler = diffusers.DDIMScheduler.from_config(
            {**base.scheduler.config, "timestep_spacing": "leading"}
        )
    latents = base(
        **options, num_inference_steps=10, denoising_end=0.6, width=64, height=64, output_type="latent",
        generator=torch.Generator().manual_seed(7),
    ).images  # fmt: skip
    expected = second(
        **options, num_inference_steps=10, denoising_start=0.6, image=latents, output_type="latent",
        generator=torch.Generator().manual_seed(0), target_size=(64, 64), original_size=(64, 64),
    ).images  # fmt: skip
    request = make_request(
        "a red fox", model=tiny_xl, negative_prompt="a cat", guidance_scale=guidance, sampler="DDIM",
        steps=10, seed=7, refiner=Refiner(checkpoint=ModelRef(path=refiner), switch_at=0.6),
    )  # fmt: skip
    engine.submit(request).result(TIMEOUT)
    assert_equal(decoded[-1], expected)


def test_a_refiner_of_another_family_names_the_field(
    tiny: Path, tiny_xl: Path, engine: StepEngine, make_request: MakeRequest
) -> None:
    refiner = Refiner(checkpoint=ModelRef(path=tiny))
    with pytest.raises(EngineError) as caught:
        engine.submit(make_request(model=tiny_xl, refiner=refiner)).result(TIMEOUT)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "refiner.checkpoint")
    same = engine.submit(make_request(refiner=refiner, seed=2)).result(TIMEOUT)
    assert pixels(same) == pixels(engine.submit(make_request(seed=2)).result(TIMEOUT))


def test_running_out_of_memory_is_tried_again_in_tiles(
    flows: dict[str, Path], engine: StepEngine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bool] = []

    def crowded(vae: Any, latents: torch.Tensor) -> Any:
        tried.append(vae.use_tiling)
        if not vae.use_tiling:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return picture_decode(vae, latents)

    monkeypatch.setattr(running, "picture_decode", crowded)
    assert engine.submit(make_request(model=flows["sd3"], steps=2)).result(TIMEOUT).images
    assert tried == [False, True]
