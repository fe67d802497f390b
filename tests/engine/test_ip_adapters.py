"""IP-Adapters equal diffusers' own pipelines on latents; rows that see different pictures share calls."""

import pickle
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from generation.engine.checkpoints.ip_adapter import ip_adapter_load
from generation.engine.errors import EngineError, GenerationCancelled
from generation.engine.spec import ControlUnit, IpAdapterUnit, ModelRef
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, Denoiser, MakeEngine, MakeRequest
from tests.engine.test_batching import pixels, submit_together
from tests.engine.test_starting_pictures import assert_equal, drawing, run_engine, run_pipeline
from tests.engine.tiny import SCHEDULER_CONFIG
from tests.engine.tiny_control import tiny_controlnet
from tests.engine.tiny_ip_adapter import SIDE, tiny_image_encoder, tiny_ip_adapter

SIZE = {"width": 64, "height": 64}
KINDS = ("plain", "full", "plus")


@pytest.fixture(scope="module")
def root(tiny: Path, tiny_xl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one adapter of each kind, others of other weights, and the image encoder."""
    root = tmp_path_factory.mktemp("adapters")
    for kind in KINDS:
        tiny_ip_adapter(tiny, root / f"{kind}.safetensors", kind=kind)
    tiny_ip_adapter(tiny, root / "other.safetensors", kind="plus", seed=1)
    tiny_ip_adapter(tiny_xl, root / "xl.safetensors")
    tiny_image_encoder(root / "encoder")
    return root


def turned() -> Image.Image:
    return drawing((80, 60)).transpose(Image.Transpose.ROTATE_90)


def unit(root: Path, name: str, *images: Image.Image, **values: Any) -> IpAdapterUnit:
    return IpAdapterUnit(
        model=ModelRef(path=root / f"{name}.safetensors"),
        image_encoder=ModelRef(path=root / "encoder"),
        images=images or (drawing(),),
        **values,
    )


def pipeline(model: Path, root: Path, names: list[str]) -> Any:
    classes: Any = diffusers
    xl = "xl" in names
    kind = classes.StableDiffusionXLPipeline if xl else classes.StableDiffusionPipeline
    made = kind.from_pretrained(
        model,
        dtype=torch.float32,
        local_files_only=True,
        image_encoder=CLIPVisionModelWithProjection.from_pretrained(root / "encoder"),
        feature_extractor=CLIPImageProcessor(size=SIDE, crop_size=SIDE),
    )
    made.set_progress_bar_config(disable=True)
    if not xl:
        scheduler = classes.EulerDiscreteScheduler.from_config(SCHEDULER_CONFIG, timestep_spacing="linspace")
        made.scheduler = scheduler
    made.load_ip_adapter(
        [str(root)] * len(names),
        subfolder=[""] * len(names),
        weight_name=[f"{name}.safetensors" for name in names],
        image_encoder_folder=None,
        local_files_only=True,
    )
    return made


@pytest.mark.parametrize("name", [*KINDS, "xl"])
def test_one_adapter_equals_the_pipeline(
    name: str,
    tiny: Path,
    tiny_xl: Path,
    root: Path,
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    model = tiny_xl if name == "xl" else tiny
    made = pipeline(model, root, [name])
    made.set_ip_adapter_scale(0.8)
    expected = run_pipeline(made, ip_adapter_image=drawing(), **SIZE)
    shown = (unit(root, name, scale=0.8),)
    ours = run_engine(engine, make_request, decoded, model=model, ip_adapters=shown)
    assert_equal(ours, expected)
    plain = run_engine(engine, make_request, decoded, model=model)
    assert float((plain - ours).abs().max()) > 0.01 * float(plain.abs().max())


def test_several_adapters_and_pictures_equal_the_pipeline(
    tiny: Path, root: Path, engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    made = pipeline(tiny, root, ["plain", "other"])
    made.set_ip_adapter_scale([0.7, 0.4])
    expected = run_pipeline(made, ip_adapter_image=[[drawing(), turned()], turned()], **SIZE)
    shown = (
        unit(root, "plain", drawing(), turned(), scale=0.7),
        unit(root, "other", turned(), scale=0.4),
    )
    assert_equal(run_engine(engine, make_request, decoded, ip_adapters=shown), expected)


def test_guidance_off_equals_the_pipeline(
    tiny: Path, root: Path, engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    made = pipeline(tiny, root, ["plus"])
    expected = made(
        "a red fox",
        ip_adapter_image=drawing(),
        num_inference_steps=6,
        guidance_scale=1.0,
        generator=torch.Generator("cpu").manual_seed(7),
        output_type="latent",
        **SIZE,
    ).images
    request = make_request(steps=6, seed=7, guidance_scale=1.0, ip_adapters=(unit(root, "plus"),))
    engine.submit(request).result(TIMEOUT)
    assert_equal(decoded[-1], expected)


def test_a_range_is_only_its_steps(root: Path, engine: StepEngine, make_request: MakeRequest) -> None:
    def made(**values: Any) -> list[bytes]:
        shown = (unit(root, "plain", **values),)
        return pixels(engine.submit(make_request(ip_adapters=shown)).result(TIMEOUT))

    plain = pixels(engine.submit(make_request()).result(TIMEOUT))
    assert made(scale=0.0) == plain == made(start=0.9, end=1.0)
    assert len({made()[0], made(end=0.5)[0], made(start=0.5)[0], plain[0]}) == 4


def test_mixed_company_changes_no_bit_and_leaves_no_trace(
    root: Path, make_engine: MakeEngine, make_request: MakeRequest, denoiser: Denoiser
) -> None:
    engine = make_engine(min_bucket=4)
    values: list[dict[str, Any]] = [
        {"ip_adapters": (unit(root, "plain", scale=0.6),)},
        {"ip_adapters": (unit(root, "plain", turned(), scale=1.4, end=0.5),), "seed": 3},
        {"ip_adapters": (unit(root, "plain", start=0.5),), "steps": 7},
        {"ip_adapters": (unit(root, "plain", turned()),), "sampler": "Euler a"},
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
    root: Path, make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    engine = make_engine(min_bucket=4)
    stays = make_request(ip_adapters=(unit(root, "plain"),), seed=5)
    alone = pixels(engine.submit(stays).result(TIMEOUT))
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    goes = engine.submit(
        make_request(ip_adapters=(unit(root, "plain", turned()),), steps=20), is_cancelled=cancelled
    )
    assert pixels(engine.submit(stays).result(TIMEOUT)) == alone
    with pytest.raises(GenerationCancelled):
        goes.result(TIMEOUT)


def test_a_controlnet_sees_the_text_alone_as_in_the_pipeline(
    tiny: Path,
    root: Path,
    tmp_path: Path,
    engine: StepEngine,
    make_request: MakeRequest,
    decoded: list[torch.Tensor],
) -> None:
    classes: Any = diffusers
    folder = tiny_controlnet(tiny, tmp_path / "control")
    steered = classes.StableDiffusionControlNetPipeline.from_pipe(
        pipeline(tiny, root, ["plain"]),
        controlnet=classes.ControlNetModel.from_pretrained(folder, local_files_only=True),
    )
    steered.set_ip_adapter_scale(0.8)
    expected = run_pipeline(steered, image=drawing(), ip_adapter_image=turned(), **SIZE)
    ours = run_engine(
        engine,
        make_request,
        decoded,
        ip_adapters=(unit(root, "plain", turned(), scale=0.8),),
        controls=(ControlUnit(model=ModelRef(path=folder), image=drawing()),),
    )
    assert_equal(ours, expected)


def test_other_guidance_goes_together_with_pictures(
    root: Path, engine: StepEngine, make_request: MakeRequest
) -> None:
    for values in ({"pag_scale": 2.0}, {"prompt": "a fox AND red :0.5"}, {"tiling": True}):
        free = engine.submit(make_request(**values)).result(TIMEOUT)
        shown = engine.submit(make_request(**values, ip_adapters=(unit(root, "plus"),))).result(TIMEOUT)
        assert pixels(free) != pixels(shown)


def test_weights_in_fp8_can_be_shown_pictures_too(
    root: Path, make_engine: MakeEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    request = make_request(ip_adapters=(unit(root, "plus"),))
    for storage in ("same", "fp8"):
        make_engine(storage=storage).submit(request).result(TIMEOUT)
    error = (decoded[0] - decoded[1]).norm() / decoded[0].norm()
    assert 0 < error < 0.5


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("it ran",))


def test_bad_files_are_refused(root: Path, tmp_path: Path) -> None:
    whole = load_file(root / "plain.safetensors")
    face = {**whole, "image_proj.proj.0.weight": torch.zeros(4, 4)}
    del face["image_proj.proj.weight"]
    for name, content in (
        ("half", {key: tensor for key, tensor in whole.items() if "to_v_ip" not in key}),
        ("face", face),
        ("lora", {"lora_unet_down.lora_up.weight": torch.zeros(4)}),
    ):
        save_file(content, tmp_path / f"{name}.safetensors")
    (tmp_path / "short.safetensors").write_bytes((root / "plain.safetensors").read_bytes()[:-100])
    (tmp_path / "hostile.bin").write_bytes(pickle.dumps({"image_proj": Harmful()}))
    for file, code, word in (
        ("half.safetensors", "model_corrupt", "to_v_ip"),
        ("face.safetensors", "model_unsupported", "FaceID"),
        ("lora.safetensors", "model_unsupported", "image_proj"),
        ("short.safetensors", "model_corrupt", "bytes"),
        ("hostile.bin", "model_unsafe", "program"),
        ("nowhere.safetensors", "model_missing", "nowhere"),
    ):
        with pytest.raises(EngineError) as caught:
            ip_adapter_load(tmp_path / file, torch.float32)
        assert (caught.value.code, caught.value.field) == (code, "ip_adapter"), file
        assert word in caught.value.message, file


def test_a_pickle_of_nothing_but_tensors_is_the_file(root: Path, tmp_path: Path) -> None:
    whole = load_file(root / "plus.safetensors")
    nested: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in whole.items():
        group, _, rest = name.partition(".")
        nested[group][rest] = tensor
    torch.save(nested, tmp_path / "plus.bin")
    one, other = (
        ip_adapter_load(path, torch.float32) for path in (root / "plus.safetensors", tmp_path / "plus.bin")
    )
    assert one.nbytes == other.nbytes > 0
    for ours, theirs in zip(one.projection.parameters(), other.projection.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_what_does_not_fit_together_names_its_field(
    tiny_xl: Path, root: Path, tmp_path: Path, engine: StepEngine, make_request: MakeRequest
) -> None:
    narrow = tiny_image_encoder(tmp_path / "narrow", projection_dim=16)
    (tmp_path / "text").mkdir()
    for model, name, encoder, code, field in (
        (None, "xl", root / "encoder", "model_unsupported", "ip_adapter"),
        (tiny_xl, "plain", root / "encoder", "model_unsupported", "ip_adapter"),
        (None, "plain", narrow, "model_unsupported", "ip_adapter.image_encoder"),
        (None, "plain", tmp_path / "gone", "model_missing", "ip_adapter.image_encoder"),
        (None, "plain", tmp_path / "text", "model_corrupt", "ip_adapter.image_encoder"),
    ):
        shown = IpAdapterUnit(
            model=ModelRef(path=root / f"{name}.safetensors"),
            image_encoder=ModelRef(path=encoder),
            images=(drawing(),),
        )
        with pytest.raises(EngineError) as caught:
            engine.submit(make_request(model=model, ip_adapters=(shown,))).result(TIMEOUT)
        assert (caught.value.code, caught.value.field) == (code, field)
    assert engine.submit(make_request()).result(TIMEOUT).images
