"""SD3 and Flux through diffusers' pipelines, a step at a time: equal to the pipelines called directly."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from generation.engine.checkpoints import flow_load, vae_load
from generation.engine.checkpoints.flow import FlowCheckpoint
from generation.engine.decoding import picture_decode
from generation.engine.errors import EngineError
from generation.engine.exclusive import exclusive_run, running
from generation.engine.exclusive.baton import THREAD_NAME
from generation.engine.exclusive.pipelines import TRUE_GUIDANCE
from generation.engine.exclusive.running import ExclusiveStep
from generation.engine.slices import Portion, run_through
from generation.engine.spec import (
    GenerationRequest,
    InitImage,
    Margins,
    Mask,
    ModelRef,
)
from tests.engine.tiny_flow import tiny_flux_folder, tiny_sd3_folder

SIDE = 64
STEPS = 4
CLASSES: Any = diffusers  # which is not typed
REF = ModelRef(path=Path("x"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        "sd3": tiny_sd3_folder(root / "sd3"),
        "sd3 without t5": tiny_sd3_folder(root / "plain", t5=False),
        "flux": tiny_flux_folder(root / "flux"),
        "schnell": tiny_flux_folder(root / "schnell", schnell=True),
        "fill": tiny_flux_folder(root / "fill", fill=True),
    }


@pytest.fixture(scope="module")
def loaded(folders: dict[str, Path]) -> dict[str, FlowCheckpoint]:
    return {name: flow_load(path, torch.float32) for name, path in folders.items()}


@pytest.fixture
def latents(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Of every picture that is decoded; decoding itself is the real one."""
    seen: list[torch.Tensor] = []

    def recording(vae: Any, row: torch.Tensor) -> Any:
        seen.append(row.clone())
        return picture_decode(vae, row)

    monkeypatch.setattr(running, "picture_decode", recording)
    return seen


def request(**values: Any) -> GenerationRequest:
    common: dict[str, Any] = {"checkpoint": REF, "prompt": "a red fox", "width": SIDE, "height": SIDE}
    return GenerationRequest(**common | {"steps": STEPS, "guidance_scale": 3.5, "seed": 7} | values)


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8))


def half_mask() -> Image.Image:
    mask = Image.new("L", (SIDE, SIDE), 0)
    mask.paste(255, (0, 0, SIDE // 2, SIDE))
    return mask


def directly(folder: Path, kind: str, *, seed: int = 7, scheduler: Any = None, **options: Any) -> Image.Image:
    """The picture that diffusers' own pipeline makes of the same folder."""
    absent = {} if (folder / "tokenizer_3").is_dir() else {"text_encoder_3": None, "tokenizer_3": None}
    pipeline = getattr(CLASSES, kind).from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, **absent if "Diffusion3" in kind else {}
    )
    pipeline.set_progress_bar_config(disable=True)
    if scheduler is not None:
        pipeline.scheduler = scheduler
    made: Image.Image = pipeline(
        options.pop("prompt", "a red fox"),
        **{"width": SIDE, "height": SIDE, "num_inference_steps": STEPS, "guidance_scale": 3.5} | options,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="latent",
    ).images
    return made


def assert_equal(ours: torch.Tensor, theirs: Any, checkpoint: FlowCheckpoint) -> None:
    if checkpoint.info.family == "flux":
        theirs = CLASSES.FluxPipeline._unpack_latents(theirs, SIDE, SIDE, checkpoint.vae_scale)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


TEXT_TO_IMAGE = [
    ("sd3", "StableDiffusion3Pipeline", {"negative_prompt": "a cat"}, {"negative_prompt": "a cat"}),
    ("sd3", "StableDiffusion3Pipeline", {"guidance_scale": 1.0}, {"guidance_scale": 1.0}),
    ("sd3 without t5", "StableDiffusion3Pipeline", {}, {}),
    ("flux", "FluxPipeline", {}, {}),
    (
        "flux",
        "FluxPipeline",
        {"negative_prompt": "a cat"},
        {"negative_prompt": "a cat", "true_cfg_scale": TRUE_GUIDANCE},
    ),
    ("schnell", "FluxPipeline", {"guidance_scale": 0.0}, {"max_sequence_length": 256}),
    (
        "schnell",
        "FluxPipeline",
        {"negative_prompt": "a cat"},
        {"negative_prompt": "a cat", "true_cfg_scale": 3.5, "max_sequence_length": 256},
    ),
]


@pytest.mark.parametrize("case", TEXT_TO_IMAGE)
def test_text_to_image_equals_the_pipeline(
    case: tuple[str, str, dict[str, Any], dict[str, Any]],
    folders: dict[str, Path],
    loaded: dict[str, FlowCheckpoint],
    latents: list[torch.Tensor],
) -> None:
    name, kind, asked, options = case
    made = run_through(exclusive_run(loaded[name], request(**asked)))
    assert [image.size for image in made] == [(SIDE, SIDE)]
    assert_equal(latents[0], directly(folders[name], kind, **options), loaded[name])


@pytest.mark.parametrize(
    ("name", "kind"), [("sd3", "StableDiffusion3Img2ImgPipeline"), ("flux", "FluxImg2ImgPipeline")]
)
@pytest.mark.parametrize("strength", [0.2, 0.6, 1.0])
def test_image_to_image_equals_the_pipeline(
    name: str,
    kind: str,
    strength: float,
    folders: dict[str, Path],
    loaded: dict[str, FlowCheckpoint],
    latents: list[torch.Tensor],
) -> None:
    run_through(exclusive_run(loaded[name], request(init=InitImage(image=picture(), strength=strength))))
    theirs = directly(folders[name], kind, image=picture(), strength=strength)
    assert_equal(latents[0], theirs, loaded[name])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sd3", "StableDiffusion3InpaintPipeline"),
        ("flux", "FluxInpaintPipeline"),
        ("fill", "FluxFillPipeline"),
    ],
)
def test_inpainting_equals_the_pipeline_and_keeps_the_rest(
    name: str,
    kind: str,
    folders: dict[str, Path],
    loaded: dict[str, FlowCheckpoint],
    latents: list[torch.Tensor],
) -> None:
    mask = Mask(image=half_mask(), blur=0)
    init = InitImage(image=picture(), strength=0.75, mask=mask)
    [made] = run_through(exclusive_run(loaded[name], request(init=init)))
    theirs = directly(folders[name], kind, image=picture(), mask_image=half_mask(), strength=0.75)
    assert_equal(latents[0], theirs, loaded[name])
    kept, painted = (np.asarray(image)[:, SIDE // 2 :] for image in (picture(), made))
    assert np.array_equal(kept, painted)
    assert not np.array_equal(np.asarray(picture())[:, : SIDE // 2], np.asarray(made)[:, : SIDE // 2])


def test_only_the_masked_part_is_painted_at_full_size(
    loaded: dict[str, FlowCheckpoint], latents: list[torch.Tensor]
) -> None:
    large = picture().resize((3 * SIDE, 2 * SIDE))
    spot = Image.new("L", large.size, 0)
    spot.paste(255, (8, 8, 24, 24))
    mask = Mask(image=spot, blur=0, only_masked=True, padding=8)
    [made] = run_through(exclusive_run(loaded["flux"], request(init=InitImage(image=large, mask=mask))))
    assert made.size == large.size
    assert latents[0].shape[-2:] == (SIDE // 8, SIDE // 8)
    changed = np.argwhere((np.asarray(made) != np.asarray(large)).any(axis=-1))
    assert (changed.min(), changed.max()) == (8, 23)


@pytest.mark.parametrize("name", ["sd3", "fill"])
def test_a_picture_is_continued_beyond_its_borders(name: str, loaded: dict[str, FlowCheckpoint]) -> None:
    inner = picture().resize((SIDE - 16, SIDE))
    init = InitImage(image=inner, strength=1.0, outpaint=Margins(left=16))
    [made] = run_through(exclusive_run(loaded[name], request(init=init)))
    assert made.size == (SIDE, SIDE)
    assert np.array_equal(np.asarray(made)[:, 16:], np.asarray(inner))


def test_an_inverted_mask_paints_the_other_half(loaded: dict[str, FlowCheckpoint]) -> None:
    mask = Mask(image=half_mask(), blur=0, invert=True)
    [made] = run_through(exclusive_run(loaded["sd3"], request(init=InitImage(image=picture(), mask=mask))))
    assert np.array_equal(np.asarray(picture())[:, : SIDE // 2], np.asarray(made)[:, : SIDE // 2])


@pytest.mark.parametrize(
    ("sampler", "schedule", "scheduler"),
    [
        ("Heun", "Automatic", lambda: CLASSES.FlowMatchHeunDiscreteScheduler(shift=3.0)),
        (
            "Euler",
            "Karras",
            lambda: CLASSES.FlowMatchEulerDiscreteScheduler(shift=3.0, use_karras_sigmas=True),
        ),
        ("Euler", "Beta", lambda: CLASSES.FlowMatchEulerDiscreteScheduler(shift=3.0, use_beta_sigmas=True)),
    ],
)
def test_samplers_and_schedules(
    sampler: str,
    schedule: str,
    scheduler: Callable[[], Any],
    folders: dict[str, Path],
    loaded: dict[str, FlowCheckpoint],
    latents: list[torch.Tensor],
) -> None:
    run_through(exclusive_run(loaded["sd3"], request(sampler=sampler, schedule=schedule)))
    theirs = directly(folders["sd3"], "StableDiffusion3Pipeline", scheduler=scheduler())
    assert_equal(latents[0], theirs, loaded["sd3"])
    run_through(exclusive_run(loaded["sd3"], request()))
    assert not torch.allclose(latents[0], latents[1], atol=1e-2)


def test_a_picture_depends_on_its_own_seed_alone(loaded: dict[str, FlowCheckpoint]) -> None:
    two = run_through(exclusive_run(loaded["flux"], request(batch_size=2)))
    [second] = run_through(exclusive_run(loaded["flux"], request(seed=8)))
    assert two[1].tobytes() == second.tobytes() != two[0].tobytes()


def test_weights_are_read_as_plain_text(loaded: dict[str, FlowCheckpoint]) -> None:
    [plain] = run_through(exclusive_run(loaded["flux"], request()))
    [weighted] = run_through(exclusive_run(loaded["flux"], request(prompt="a (red:1.3) fox")))
    assert plain.tobytes() == weighted.tobytes()


@pytest.mark.parametrize("name", ["sd3", "flux"])
def test_steps_are_reported_with_what_they_lead_to(
    name: str, loaded: dict[str, FlowCheckpoint], latents: list[torch.Tensor]
) -> None:
    steps: list[ExclusiveStep] = []
    portions = list(exclusive_run(loaded[name], request(batch_size=2), on_step=steps.append))
    assert [(step.picture, step.step) for step in steps] == [(p, s) for p in (0, 1) for s in (1, 2, 3, 4)]
    assert portions == [*(Portion(done, 8) for done in range(9)), Portion(1, 2)]
    # Euler's last step arrives where it was heading to.
    torch.testing.assert_close(steps[3].predicted, latents[0], atol=1e-4, rtol=0)
    assert not torch.allclose(steps[0].predicted, latents[0], atol=1e-2)


def test_nothing_is_done_at_no_strength(
    loaded: dict[str, FlowCheckpoint], latents: list[torch.Tensor]
) -> None:
    init = InitImage(image=picture(), strength=0.0)
    [made] = run_through(exclusive_run(loaded["sd3"], request(init=init)))
    assert (made.tobytes(), latents) == (picture().tobytes(), [])


def test_another_vae_decodes(
    folders: dict[str, Path], loaded: dict[str, FlowCheckpoint], tmp_path: Path
) -> None:
    other = vae_load(tiny_sd3_folder(tmp_path / "other", seed=1), "sd3", torch.float32)
    own, theirs = (run_through(exclusive_run(loaded["sd3"], request(), vae=vae))[0] for vae in (None, other))
    assert own.tobytes() != theirs.tobytes()
    assert run_through(exclusive_run(loaded["sd3"], request()))[0].tobytes() == own.tobytes()


def helpers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


def test_closing_stops_in_the_middle_and_leaves_nothing(loaded: dict[str, FlowCheckpoint]) -> None:
    before = run_through(exclusive_run(loaded["flux"], request()))
    calls: list[int] = []
    hook = loaded["flux"].transformer.register_forward_pre_hook(lambda *_: calls.append(1))
    work = exclusive_run(loaded["flux"], request(steps=50))
    for _ in range(3):
        next(work)
    work.close()
    hook.remove()
    assert len(calls) == 2
    assert helpers() == []
    after = run_through(exclusive_run(loaded["flux"], request()))
    assert before[0].tobytes() == after[0].tobytes()


class UnluckyError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "code"),
    [(RuntimeError("a bug"), "engine_failed"), (torch.OutOfMemoryError("full"), "out_of_memory")],
)
def test_an_error_in_the_pipeline_is_an_engine_error(
    error: Exception, code: str, loaded: dict[str, FlowCheckpoint]
) -> None:
    def fail(*_: Any) -> None:
        raise error

    hook = loaded["sd3"].transformer.register_forward_pre_hook(fail)
    with pytest.raises(EngineError) as caught:
        run_through(exclusive_run(loaded["sd3"], request()))
    hook.remove()
    assert caught.value.code == code
    assert helpers() == []


def test_an_error_of_the_watcher_is_the_watchers(loaded: dict[str, FlowCheckpoint]) -> None:
    def stop(_: ExclusiveStep) -> None:
        raise UnluckyError

    with pytest.raises(UnluckyError):
        run_through(exclusive_run(loaded["sd3"], request(), on_step=stop))
    assert helpers() == []


def test_numbers_that_are_no_picture_are_said_to_be_none(loaded: dict[str, FlowCheckpoint]) -> None:
    hook = loaded["sd3"].vae.decoder.register_forward_hook(lambda _, __, out: out * float("nan"))
    with pytest.raises(EngineError) as caught:
        run_through(exclusive_run(loaded["sd3"], request()))
    hook.remove()
    assert caught.value.code == "not_finite"


def test_a_run_refuses_what_it_cannot_do_too(loaded: dict[str, FlowCheckpoint]) -> None:
    with pytest.raises(EngineError) as caught:
        run_through(exclusive_run(loaded["flux"], request(pag_scale=3.0)))
    assert caught.value.field == "pag_scale"
