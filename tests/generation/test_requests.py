"""From what a client sends to what the engine is asked: each feature by its wire fields."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generation.batching import batch_key
from generation.engine import spec
from generation.models import Job
from generation.schemas import generate_in
from generation.translation import request_for
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.factories import ModelFileFactory
from tests.generation.conftest import Submit
from tests.generation.drawing import base64_of, picture

pytestmark = pytest.mark.django_db

Kind = ModelFile.Kind
Family = ModelFile.Family
Ask = Callable[..., spec.GenerationRequest]


@pytest.fixture
def shelf(settings: Any, tmp_path: Path, model: ModelFile) -> Callable[..., ModelFile]:
    """Put models into the library whose files exist, so that the engine can be told where they lie."""
    settings.MODELS_PATH = tmp_path
    (tmp_path / model.path).mkdir()

    def add(kind: Kind, name: str, **facts: Any) -> ModelFile:
        (tmp_path / f"{name}.safetensors").write_bytes(b"")
        return ModelFileFactory.create(kind=kind, name=name, path=f"{name}.safetensors", **facts)

    return add


@pytest.fixture
def ask(alice: User, submit: Submit, shelf: object) -> Ask:
    """Submit, read the job back as a worker does, and translate it."""

    def build(**params: Any) -> Any:
        return request_for(Job.objects.select_related("model").get(pk=submit(alice, **params).pk))

    return build


def ref(model: ModelFile, folder: Path) -> spec.ModelRef:
    return spec.ModelRef(path=(folder / model.path).resolve(), digest=model.sha256, name=model.name)


def test_a_plain_request_is_plain(ask: Ask, model: ModelFile, tmp_path: Path) -> None:
    assert ask(seed=7, width=128, height=64) == spec.GenerationRequest(
        checkpoint=ref(model, tmp_path),
        prompt="a red apple",
        width=128,
        height=64,
        steps=4,
        seed=7,
        schedule="uniform",
    )


class TestSizes:
    def test_without_a_size_it_is_the_models(self, ask: Ask, model: ModelFile) -> None:
        ModelFile.objects.filter(pk=model.pk).update(native_size=768)
        assert (ask().width, ask().height) == (768, 768)
        assert (ask(width=128).width, ask(width=128).height) == (128, 768)

    def test_a_picture_gives_its_shape(self, ask: Ask, model: ModelFile) -> None:
        ModelFile.objects.filter(pk=model.pk).update(native_size=512)
        made = ask(image=base64_of(picture(200, 100)))
        assert (made.width, made.height) == (728, 360)
        assert made.width * made.height == pytest.approx(512**2, rel=0.01)

    def test_margins_are_added(self, ask: Ask, model: ModelFile) -> None:
        ModelFile.objects.filter(pk=model.pk).update(native_size=512)
        made = ask(image=base64_of(picture(64, 64)), outpaint={"left": 64, "bottom": 128})
        assert (made.width, made.height) == (576, 640)

    def test_margins_that_are_too_wide_are_refused(self, ask: Ask, model: ModelFile) -> None:
        ModelFile.objects.filter(pk=model.pk).update(native_size=1024)
        with pytest.raises(PortalError) as refused:
            ask(image=base64_of(), outpaint={"left": 1032})
        assert list(refused.value.fields) == ["outpaint"]


class TestStartingPictures:
    def test_img2img(self, ask: Ask) -> None:
        made = ask(task="img2img", image=base64_of(picture()), strength=0.4, resize_mode="fill")
        assert made.init is not None
        assert (made.init.strength, made.init.resize_mode, made.init.mask) == (0.4, "fill", None)
        assert made.init.image.tobytes() == picture().tobytes()

    def test_inpainting(self, ask: Ask) -> None:
        made = ask(
            task="inpaint",
            image=base64_of(),
            mask=base64_of(picture(mode="L")),
            mask_blur=9,
            mask_invert=True,
            inpaint_fill="latent_noise",
            inpaint_only_masked=True,
            inpaint_padding=48,
        )
        assert made.init is not None
        assert made.init.mask is not None
        mask = made.init.mask
        assert mask.image.tobytes() == picture(mode="L").tobytes()
        assert (mask.blur, mask.invert, mask.fill, mask.only_masked, mask.padding) == (
            9, True, "latent_noise", True, 48,
        )  # fmt: skip

    def test_outpainting(self, ask: Ask) -> None:
        made = ask(task="outpaint", image=base64_of(), outpaint={"left": 8, "top": 16})
        assert made.init is not None
        assert made.init.outpaint == spec.Margins(left=8, top=16)

    @pytest.mark.parametrize(
        ("given", "task"),
        [
            ({}, "txt2img"),
            ({"image": True}, "img2img"),
            ({"image": True, "mask": True}, "inpaint"),
            ({"image": True, "mask": True, "outpaint": {"left": 8}}, "outpaint"),
        ],
    )
    def test_the_fields_say_what_is_meant(self, given: dict[str, Any], task: str) -> None:
        fields = {name: base64_of() if value is True else value for name, value in given.items()}
        assert generate_in({"prompt": "a", **fields}).task == task

    def test_the_named_task_decides(self, ask: Ask) -> None:
        """The predecessor's page sends the pictures of its other tabs too."""
        made = ask(task="txt2img", image=base64_of(), mask=base64_of(), strength=0.75)
        assert made.init is None

    def test_a_second_pass(self, ask: Ask, shelf: Any, tmp_path: Path) -> None:
        model = shelf(Kind.UPSCALER, "big", family=Family.UNKNOWN)
        made = ask(hires={"scale": 1.5, "steps": 3, "strength": 0.5, "cfg_scale": 4.0, "sampler": "euler_a"})
        assert made.hires == spec.HiresFix(
            scale=1.5, steps=3, strength=0.5, guidance_scale=4.0, sampler="Euler a", schedule="uniform"
        )
        by_model = ask(hires={"upscaler": "big"}).hires
        assert by_model is not None
        assert by_model.upscaler == ref(model, tmp_path)
        lanczos = ask(hires={"upscaler": "lanczos"}).hires
        assert lanczos is not None
        assert lanczos.upscaler == "Lanczos"

    def test_variation_and_tiling(self, ask: Ask) -> None:
        made = ask(variation={"seed": 9, "strength": 0.2}, tiling=True)
        assert (made.variation, made.tiling) == (spec.Variation(seed=9, strength=0.2), True)
        drawn = ask(variation={"strength": 0.2}).variation
        assert drawn is not None
        assert 0 <= drawn.seed <= spec.MAX_SEED


class TestLoras:
    def test_from_slots_and_from_the_prompt(self, ask: Ask, shelf: Any, tmp_path: Path) -> None:
        first, second = shelf(Kind.LORA, "first"), shelf(Kind.LORA, "second")
        made = ask(
            prompt="a fox <lora:second:0.5:0.25:dyn=8>, running",
            loras=[{"name": "first", "weight": 0.8}, {"name": "FIRST", "weight": 1, "te_weight": 0}],
        )
        assert made.prompt == "a fox , running"
        assert made.loras == (
            spec.LoraUnit(model=ref(first, tmp_path), denoiser=0.8, text_encoder=0.8),
            spec.LoraUnit(model=ref(first, tmp_path), denoiser=1.0, text_encoder=0.0),
            spec.LoraUnit(model=ref(second, tmp_path), denoiser=0.25, text_encoder=0.5, rank=8),
        )

    def test_the_prompt_is_kept_as_it_was_written(self, alice: User, submit: Submit, shelf: Any) -> None:
        model = shelf(Kind.LORA, "second")
        job = submit(alice, prompt="a fox <lora:second:0.5> # run")
        assert job.params["prompt"] == "a fox <lora:second:0.5> # run"
        assert job.params["models"]["prompt.second"]["sha256"] == model.sha256

    def test_more_than_the_slots_may_stand_in_the_prompt(self, ask: Ask, shelf: Any) -> None:
        for index in range(9):
            shelf(Kind.LORA, f"l{index}")
        assert len(ask(prompt="a " + "".join(f"<lora:l{i}:0.1>" for i in range(9))).loras) == 9

    def test_embeddings_are_found_by_their_names(self, ask: Ask, shelf: Any, tmp_path: Path) -> None:
        model = shelf(Kind.EMBEDDING, "EasyNegative")
        shelf(Kind.EMBEDDING, "easy")
        shelf(Kind.EMBEDDING, "Negative", family=Family.SDXL)
        made = ask(negative_prompt="(easynegative:1.2), bad")
        assert made.embeddings == (spec.Embedding(model=ref(model, tmp_path), name="EasyNegative"),)


class TestGuidance:
    def test_vae_and_clip_skip_and_rescale_and_pag(self, ask: Ask, shelf: Any, tmp_path: Path) -> None:
        vae = shelf(Kind.VAE, "soft")
        made = ask(vae="soft", clip_skip=2, cfg_rescale=0.7, pag_scale=3.0)
        assert (made.vae, made.clip_skip, made.cfg_rescale, made.pag_scale) == (
            ref(vae, tmp_path),
            2,
            0.7,
            3.0,
        )

    def test_freeu_in_one_number_or_in_four(self, ask: Ask) -> None:
        assert ask(freeu_beta=1.2).freeu == spec.FreeU(b1=1.2, b2=1.2, s1=0.9, s2=0.2)
        four = {"b1": 1.5, "b2": 1.6, "s1": 0.8, "s2": 0.3}
        assert ask(freeu=four, freeu_beta=1.2).freeu == spec.FreeU(**four)
        assert ask(freeu_beta=0).freeu is None

    def test_a_refiner(self, ask: Ask, shelf: Any, tmp_path: Path) -> None:
        other = shelf(Kind.CHECKPOINT, "fine", variant=ModelFile.Variant.REFINER)
        made = ask(refiner={"model": "fine", "switch_at": 0.6})
        assert made.refiner == spec.Refiner(checkpoint=ref(other, tmp_path), switch_at=0.6)

    def test_ip_adapters(self, ask: Ask, shelf: Any, tmp_path: Path) -> None:
        adapter, clip = shelf(Kind.IP_ADAPTER, "ip"), shelf(Kind.CLIP, "clip", family=Family.UNKNOWN)
        pictures = [base64_of(picture(64, 64)), base64_of(picture(32, 64))]
        (unit,) = ask(ip_adapter={"images": pictures, "scale": 0.5, "end": 0.6}).ip_adapters
        assert (unit.model, unit.image_encoder) == (ref(adapter, tmp_path), ref(clip, tmp_path))
        assert [image.size for image in unit.images] == [(64, 64), (32, 64)]
        assert (unit.scale, unit.start, unit.end) == (0.5, 0.0, 0.6)
        assert len(ask(ip_adapter=[{"image": pictures[0], "model": "ip"}] * 2).ip_adapters) == 2


class TestControl:
    def test_the_predecessors_request(self, ask: Ask, shelf: Any, tmp_path: Path) -> None:
        shelf(Kind.CONTROLNET, "control depth")
        model = shelf(Kind.CONTROLNET, "control canny")
        made = ask(
            task="controlnet_canny",
            image=base64_of(picture()),
            controlnet={
                "type": "canny", "weight": 0.9, "start_percent": 0.1, "stop_percent": 0.8,
                "preprocessor_resolution": 256, "canny_low": 50, "canny_high": 150,
            },
        )  # fmt: skip
        assert made.init is None
        (unit,) = made.controls
        assert unit.image.tobytes() == picture().tobytes()
        assert (unit.model, unit.preprocessor) == (ref(model, tmp_path), "canny")
        assert unit.parameters == {"canny_low": 50, "canny_high": 150}
        assert (unit.weight, unit.start, unit.end, unit.resolution) == (0.9, 0.1, 0.8, 256)

    def test_the_tasks_name_is_enough(self, ask: Ask, shelf: Any) -> None:
        shelf(Kind.CONTROLNET, "control canny")
        (unit,) = ask(task="controlnet_canny", image=base64_of()).controls
        assert (unit.preprocessor, unit.parameters) == ("canny", {"canny_low": 100, "canny_high": 200})

    def test_several_units_with_pictures_of_their_own(self, ask: Ask, shelf: Any) -> None:
        shelf(Kind.CONTROLNET, "a canny one")
        shelf(Kind.CONTROLNET, "a scribble one")
        made = ask(
            task="img2img",
            image=base64_of(picture(64, 64)),
            controlnet=[
                {"type": "canny", "control_mode": "control", "resize_mode": "fill"},
                {"type": "scribble", "preprocessor": "scribble_xdog", "image": base64_of(picture(32, 32))},
            ],
        )
        assert made.init is not None
        first, second = made.controls
        assert (first.image.size, first.mode, first.resize_mode) == ((64, 64), "control", "fill")
        assert (second.image.size, second.preprocessor) == ((32, 32), "scribble_xdog")
        assert second.model.name == "a scribble one"

    def test_a_map_needs_no_preprocessor(self, ask: Ask, shelf: Any) -> None:
        shelf(Kind.CONTROLNET, "any canny")
        unit = {"type": "canny", "preprocessor": "none", "image": base64_of()}
        assert ask(controlnet=unit).controls[0].preprocessor == "none"
        named = {"model": "any canny", "image": base64_of()}
        assert ask(controlnet=named).controls[0].preprocessor == "none"

    def test_without_its_files_another_preprocessor_of_the_type_is_taken(self, ask: Ask, shelf: Any) -> None:
        shelf(Kind.CONTROLNET, "a scribble one")
        made = ask(controlnet={"type": "scribble", "image": base64_of()})
        assert made.controls[0].preprocessor == "scribble_xdog"

    def test_with_its_files_the_usual_one(self, ask: Ask, shelf: Any, tmp_path: Path) -> None:
        shelf(Kind.CONTROLNET, "a scribble one")
        (tmp_path / "helpers/annotators").mkdir(parents=True)
        (tmp_path / "helpers/annotators/ControlNetHED.pth").write_bytes(b"")
        made = ask(controlnet={"type": "scribble", "image": base64_of()})
        assert made.controls[0].preprocessor == "scribble_hed"


class TestFinishing:
    def test_in_the_order_faces_details_size(self, ask: Ask, shelf: Any, tmp_path: Path) -> None:
        face = shelf(Kind.FACE_RESTORER, "GFPGANv1.4", family=Family.UNKNOWN)
        detector = shelf(Kind.DETECTOR, "face yolo", family=Family.UNKNOWN)
        upscaler = shelf(Kind.UPSCALER, "RealESRGAN_x4", family=Family.UNKNOWN)
        made = ask(
            upscale={"scale": 3, "method": "esrgan", "tile": 256},
            face_restoration={"visibility": 0.5, "fidelity": 0.9},
            adetailer=[
                {"confidence": 0.6, "top_k": 2, "prompt": "a face", "cfg_scale": 3},
                {"detector": "mediapipe_face_full", "strength": 0.2},
            ],
        )
        assert made.postprocess == (
            spec.FaceRestoration(model=ref(face, tmp_path), visibility=0.5, fidelity=0.9),
            spec.Detailing(
                detector=ref(detector, tmp_path), confidence=0.6, top_k=2, prompt="a face", guidance_scale=3.0
            ),
            spec.Detailing(detector="mediapipe_face_full", strength=0.2),
            spec.Upscale(scale=3.0, model=ref(upscaler, tmp_path), tile=256),
        )

    def test_upscaling_a_picture(self, ask: Ask) -> None:
        made: Any = ask(task="upscale", image=base64_of(picture()), upscale={"scale": 4})
        assert isinstance(made, spec.ProcessRequest)
        assert made.steps == (spec.Upscale(scale=4.0),)
        assert made.images[0].tobytes() == picture().tobytes()

    def test_restoring_faces(self, ask: Ask, shelf: Any, tmp_path: Path) -> None:
        face = shelf(Kind.FACE_RESTORER, "codeformer", family=Family.UNKNOWN)
        made: Any = ask(task="face_restoration", image=base64_of(), face_restoration={"model": "codeformer"})
        assert made.steps == (spec.FaceRestoration(model=ref(face, tmp_path)),)

    def test_detailing_leaves_the_rest_of_the_picture(self, ask: Ask, shelf: Any, model: ModelFile) -> None:
        shelf(Kind.DETECTOR, "face yolo", family=Family.UNKNOWN)
        made = ask(task="adetailer", image=base64_of(picture(200, 100)), strength=0.9)
        assert made.init is not None
        assert (made.init.strength, made.init.image.size) == (0.0, (200, 100))
        assert len(made.postprocess) == 1
        assert (made.width, made.height) == (model.native_size, model.native_size)

    def test_a_control_map(self, ask: Ask) -> None:
        made: Any = ask(
            task="preprocess",
            image=base64_of(picture()),
            controlnet={"type": "canny", "canny_low": 7, "preprocessor_resolution": 128},
        )
        assert isinstance(made, spec.PreprocessRequest)
        assert (made.preprocessor, made.parameters, made.resolution) == (
            "canny", {"canny_low": 7, "canny_high": 200}, 128,
        )  # fmt: skip


class TestPromptFiles:
    def test_wildcards_and_choices_are_drawn_by_the_seed(
        self, alice: User, submit: Submit, shelf: Any, tmp_path: Path
    ) -> None:
        (tmp_path / "wildcards/animals").mkdir(parents=True)
        (tmp_path / "wildcards/animals/small.txt").write_text("# pets\nfox\nhare\nmouse\n")
        written = "a {red|green} __animals/small__"
        first, again = (submit(alice, prompt=written, seed=5) for _ in range(2))
        assert first.params["prompt"] == again.params["prompt"]
        assert first.params["prompt"].split()[-1] in ("fox", "hare", "mouse")
        assert first.params["template"] == {"prompt": written, "negative_prompt": "", "styles": []}
        others = {submit(alice, prompt=written, seed=seed).params["prompt"] for seed in range(12)}
        assert len(others) > 3

    def test_styles_are_merged(self, alice: User, submit: Submit, shelf: Any, tmp_path: Path) -> None:
        (tmp_path / "styles.csv").write_text(
            "name,prompt,negative_prompt\nOil,oil painting of {prompt},photo\n"
        )
        job = submit(alice, styles=["oil"])
        assert (job.params["prompt"], job.params["negative_prompt"]) == (
            "oil painting of a red apple",
            "photo",
        )
        assert job.params["template"]["styles"] == ["oil"]

    def test_a_wildcard_cannot_leave_its_folder(
        self, alice: User, submit: Submit, shelf: Any, tmp_path: Path
    ) -> None:
        (tmp_path / "wildcards").mkdir()
        (tmp_path / "secret.txt").write_text("secret")
        (tmp_path / "wildcards/link.txt").symlink_to(tmp_path / "secret.txt")
        with pytest.raises(PortalError) as refused:
            submit(alice, prompt="__link__")
        assert list(refused.value.fields) == ["prompt"]
        # No name of a wildcard: the text stays.
        for prompt in ("__../secret__", "__/etc/passwd__"):
            assert submit(alice, prompt=prompt).params["prompt"] == prompt


def test_the_parameters_of_a_job_ask_for_the_same_again(alice: User, submit: Submit, shelf: Any) -> None:
    for kind, name in (
        (Kind.LORA, "l"),
        (Kind.CONTROLNET, "canny"),
        (Kind.DETECTOR, "face"),
        (Kind.VAE, "v"),
    ):
        shelf(kind, name)
    job = submit(
        alice, image=base64_of(), mask=base64_of(picture(mode="L")), prompt="a {red|blue} fox <lora:l:0.5>",
        loras=[{"name": "l"}], controlnet={"type": "canny", "canny_low": 7}, adetailer={}, vae="v",
        hires={"scale": 1.5}, variation={"strength": 0.1}, freeu_beta=1.1, upscale={"scale": 2}, seed=3,
    )  # fmt: skip
    params = {
        name: value for name, value in job.params.items() if name not in ("model_id", "template", "models")
    }
    again = submit(alice, **params)
    assert {**again.params, "template": None} == {**job.params, "template": None}
    assert again.cost_tflop == job.cost_tflop


def test_a_model_that_went_away_is_named(alice: User, submit: Submit, shelf: Any) -> None:
    lora = shelf(Kind.LORA, "l")
    job = submit(alice, loras=[{"name": "l"}])
    ModelFile.objects.filter(pk=lora.pk).update(enabled=False)
    with pytest.raises(PortalError) as refused:
        request_for(Job.objects.select_related("model").get(pk=job.pk))
    assert (refused.value.code, list(refused.value.fields)) == ("model_gone", ["loras.0"])


def test_jobs_that_the_engine_can_batch_have_one_key(alice: User, submit: Submit, shelf: Any) -> None:
    for name in ("l", "m"):
        shelf(Kind.LORA, name)
    shelf(Kind.CONTROLNET, "canny")
    shelf(Kind.VAE, "v")

    def key(**params: Any) -> str:
        return batch_key(Job.objects.select_related("model").get(pk=submit(alice, **params).pk))

    plain = key()
    same: list[dict[str, Any]] = [
        {"prompt": "other", "seed": 9, "steps": 9}, {"vae": "v"}, {"upscale": {"scale": 2}},
        {"image": base64_of()},
    ]  # fmt: skip
    apart: list[dict[str, Any]] = [
        {"width": 128}, {"cfg_scale": 1}, {"tiling": True}, {"pag_scale": 1},
        {"freeu_beta": 1.1}, {"freeu_beta": 1.2},
        {"loras": [{"name": "l"}]}, {"loras": [{"name": "l", "weight": 0.5}]}, {"loras": [{"name": "m"}]},
        {"prompt": "a <lora:l:0.5>"}, {"prompt": "a AND b"},
        {"controlnet": {"type": "canny", "image": base64_of()}},
    ]  # fmt: skip
    for params in same:
        size = {"width": 64, "height": 64} if "image" in params else {}
        assert key(**params, **size) == plain
    keys = [key(**params) for params in apart]
    assert len({plain, *keys}) == 1 + len(apart)
    unit = {"type": "canny", "image": base64_of()}
    assert key(controlnet={**unit, "weight": 0.5}) == key(controlnet=unit)
    assert key(task="upscale", image=base64_of()) == ""
