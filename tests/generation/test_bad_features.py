"""Bad input for each feature: one clear error that names the field, and nothing stored."""

from typing import Any

import pytest
from django.test import Client

from generation.models import Job, Upload
from generation.schemas import generate_in
from generation.schemas.shorthand import ADETAILER, FACE_RESTORATION, PREPROCESS, UPSCALE
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.factories import ModelFileFactory
from tests.generation.conftest import Submit
from tests.generation.drawing import base64_of, encoded, picture

pytestmark = pytest.mark.django_db

Kind = ModelFile.Kind
Family = ModelFile.Family
PICTURE = base64_of()
CANNY = {"type": "canny", "image": PICTURE}


@pytest.fixture(autouse=True)
def library(db: None) -> None:
    """One model of each kind that goes with the checkpoint, and a LoRA that does not."""
    for kind in (Kind.LORA, Kind.VAE, Kind.CONTROLNET, Kind.IP_ADAPTER, Kind.EMBEDDING):
        ModelFileFactory.create(kind=kind, name=f"a {kind} canny")
    for kind in (Kind.CLIP, Kind.UPSCALER, Kind.DETECTOR, Kind.FACE_RESTORER):
        ModelFileFactory.create(kind=kind, name=f"a {kind}", family=Family.UNKNOWN)
    ModelFileFactory.create(kind=Kind.LORA, name="big", family=Family.SDXL)


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"task": "img2img"}, "invalid_input", "image"),
    ({"task": "inpaint", "image": PICTURE}, "invalid_input", "mask"),
    ({"mask": PICTURE}, "invalid_input", "image"),
    ({"task": "outpaint", "image": PICTURE}, "invalid_input", "outpaint"),
    ({"image": PICTURE, "outpaint": {"left": 0, "top": 0}}, "invalid_input", "outpaint"),
    ({"image": PICTURE, "outpaint": {"left": 7}}, "invalid_input", "outpaint.left"),
    ({"image": PICTURE, "outpaint": {"up": True, "top": -8}}, "invalid_input", "outpaint.top"),
    ({"image": 5}, "invalid_input", "image"),
    ({"image": "aGVsbG8="}, "bad_picture", "image"),
    ({"image": "%%"}, "bad_picture", "image"),
    ({"image": PICTURE, "mask": "aGVsbG8="}, "bad_picture", "mask"),
    ({"image": "/etc/passwd"}, "bad_picture", "image"),
    ({"image": "file:///etc/passwd"}, "bad_picture", "image"),
    ({"image": "http://localhost/a.png"}, "bad_picture", "image"),
    ({"image": "upload:../../x"}, "bad_picture", "image"),
    ({"image": PICTURE, "strength": 1.1}, "invalid_input", "strength"),
    ({"image": PICTURE, "resize_mode": "magic"}, "invalid_input", "resize_mode"),
    ({"image": PICTURE, "mask": PICTURE, "mask_blur": 65}, "invalid_input", "mask_blur"),
    ({"image": PICTURE, "mask": PICTURE, "inpaint_fill": "x"}, "invalid_input", "inpaint_fill"),
    ({"image": PICTURE, "mask": PICTURE, "inpaint_padding": -1}, "invalid_input", "inpaint_padding"),
    ({"hires": {"scale": 5}}, "invalid_input", "hires.scale"),
    ({"hires": {"upscaler": "magic"}}, "unknown_model", "hires.upscaler"),
    ({"hires": {"sampler": "magic"}}, "unknown_sampler", "hires.sampler"),
    ({"hires": {"prompt": "(" * 65}}, "invalid_request", "hires.prompt"),
    ({"variation": {"seed": 1}}, "invalid_input", "variation.strength"),
    ({"variation": {"seed": -2, "strength": 0.1}}, "invalid_input", "variation.seed"),
    ({"tiling": "yes"}, "invalid_input", "tiling"),
    ({"vae": "magic"}, "unknown_model", "vae"),
    ({"loras": "x"}, "invalid_input", "loras"),
    ({"loras": [{"weight": 1}]}, "invalid_input", "loras.0.name"),
    ({"loras": [{"name": "x"}]}, "unknown_model", "loras.0.name"),
    ({"loras": [{"name": "big"}]}, "wrong_family", "loras.0.name"),
    ({"loras": [{"name": "a lora canny", "weight": 11}]}, "invalid_input", "loras.0.weight"),
    ({"loras": [{"name": "a lora canny"}] * 8}, "invalid_input", "loras"),
    ({"prompt": "a <lora:magic:1>"}, "unknown_model", "prompt"),
    ({"prompt": "a <lora:big:1>"}, "wrong_family", "prompt"),
    ({"prompt": "a <lora:a lora canny:strong>"}, "invalid_request", "prompt"),
    ({"prompt": "a <lora:a lora canny:1:1:x>"}, "invalid_request", "prompt"),
    ({"prompt": "a <hypernet:x:1>"}, "unsupported_feature", "prompt"),
    ({"prompt": "a __magic__"}, "invalid_request", "prompt"),
    ({"negative_prompt": "{" * 200}, "invalid_request", "negative_prompt"),
    ({"styles": ["magic"]}, "unknown_style", "styles.0"),
    ({"freeu_beta": 2.1}, "invalid_input", "freeu_beta"),
    ({"freeu": {"b1": -1}}, "invalid_input", "freeu.b1"),
    ({"pag_scale": 21}, "invalid_input", "pag_scale"),
    ({"cfg_rescale": 1.5}, "invalid_input", "cfg_rescale"),
    ({"refiner": {"switch_at": 0.5}}, "invalid_input", "refiner.model"),
    ({"refiner": {"model": "magic"}}, "unknown_model", "refiner.model"),
    ({"controlnet": 5}, "invalid_input", "controlnet"),
    ({"controlnet": {"type": "canny"}}, "invalid_input", "controlnet.0.image"),
    ({"controlnet": {**CANNY, "type": "magic"}}, "unknown_preprocessor", "controlnet.0.type"),
    ({"controlnet": {**CANNY, "type": "depth"}}, "unknown_model", "controlnet.0.type"),
    ({"controlnet": {**CANNY, "model": "magic"}}, "unknown_model", "controlnet.0.model"),
    ({"controlnet": {**CANNY, "weight": 2.1}}, "invalid_input", "controlnet.0.weight"),
    ({"controlnet": [CANNY, {**CANNY, "weight": -1}]}, "invalid_input", "controlnet.1.weight"),
    ({"controlnet": {**CANNY, "canny_low": 999}}, "invalid_request", "controlnet.0.canny_low"),
    ({"controlnet": {**CANNY, "canny_low": "low"}}, "invalid_request", "controlnet.0.canny_low"),
    ({"controlnet": {**CANNY, "preprocessor": "x"}}, "unknown_preprocessor", "controlnet.0.preprocessor"),
    (
        {"controlnet": {**CANNY, "preprocessor_resolution": 9}},
        "invalid_input",
        "controlnet.0.preprocessor_resolution",
    ),
    (
        {"controlnet": {**CANNY, "start_percent": 0.9, "stop_percent": 0.1}},
        "invalid_input",
        "controlnet.0.stop_percent",
    ),
    ({"controlnet": {**CANNY, "control_mode": "x"}}, "invalid_input", "controlnet.0.control_mode"),
    ({"controlnet": {**CANNY, "image": "aGVsbG8="}}, "bad_picture", "controlnet.0.image"),
    ({"controlnet": [CANNY] * 9}, "invalid_input", "controlnet"),
    ({"ip_adapter": {"scale": 1}}, "invalid_input", "ip_adapter.0.images"),
    ({"ip_adapter": {"images": []}}, "invalid_input", "ip_adapter.0.images"),
    ({"ip_adapter": {"images": [PICTURE] * 9}}, "invalid_input", "ip_adapter.0.images"),
    ({"ip_adapter": {"images": [PICTURE, "aGVsbG8="]}}, "bad_picture", "ip_adapter.0.images.1"),
    ({"ip_adapter": {"images": [PICTURE], "model": "x"}}, "unknown_model", "ip_adapter.0.model"),
    ({"ip_adapter": {"images": [PICTURE], "scale": 3}}, "invalid_input", "ip_adapter.0.scale"),
    ({"upscale": {"scale": 9}}, "invalid_input", "upscale.scale"),
    ({"upscale": {"method": "dat"}}, "unknown_model", "upscale.method"),
    ({"upscale": {"method": "magic"}}, "unknown_model", "upscale.method"),
    ({"face_restoration": {"visibility": 2}}, "invalid_input", "face_restoration.visibility"),
    ({"face_restoration": {"model": "gfpgan"}}, "unknown_model", "face_restoration.model"),
    ({"adetailer": {"confidence": 2}}, "invalid_input", "adetailer.0.confidence"),
    ({"adetailer": {"detector": "magic"}}, "unknown_model", "adetailer.0.detector"),
    ({"adetailer": [{}, {"prompt": "(" * 65}]}, "invalid_request", "adetailer.1.prompt"),
    ({"adetailer": {"prompt": "<lora:big:1>"}}, "unsupported_feature", "adetailer.0.prompt"),
    ({"adetailer": [{}] * 7}, "invalid_input", "adetailer"),
    ({"task": "upscale"}, "invalid_input", "image"),
    ({"task": "preprocess", "image": PICTURE}, "invalid_input", "controlnet"),
    ({"task": "controlnet_magic", "image": PICTURE}, "unknown_preprocessor", "controlnet.0.type"),
    ({"task": "controlnet_canny"}, "invalid_input", "controlnet.0.image"),
    ({"task": ["txt2img"]}, "invalid_input", "task"),
]


@pytest.mark.parametrize(("params", "code", "field"), BAD, ids=lambda value: str(value)[:60])
def test_refuses_and_stores_nothing(
    alice: User, submit: Submit, params: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(PortalError) as refused:
        submit(alice, **params)
    assert (refused.value.code, list(refused.value.fields)) == (code, [field])
    assert refused.value.message
    assert refused.value.status == 422
    assert not Job.objects.exists()
    assert not Upload.objects.exists()


ROUTES: dict[str, dict[str, Any]] = {
    "/upscale": {"scale": 2},
    "/face_restoration": {},
    "/adetailer": {"prompt": "a face"},
    "/preprocess": {"type": "canny"},
}


class TestRoutes:
    """As the owner, as a stranger, as nobody, and with bad input."""

    @pytest.mark.parametrize("path", ROUTES)
    def test_the_owner_gets_a_job_once(
        self, alice_client: Client, bob_client: Client, model: ModelFile, path: str
    ) -> None:
        body = {"image": PICTURE, **ROUTES[path]}
        answers = [
            alice_client.post(
                f"/api/v1/jobs{path}", body, content_type="application/json", headers={"Idempotency-Key": "k"}
            )
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [202, 200]
        job = answers[0].json()
        assert (job["task"], job["state"]) == (path[1:], "queued")
        assert job["params"]["image"].startswith("upload:")
        assert bob_client.get(f"/api/v1/jobs/{job['id']}").status_code == 404
        assert bob_client.post(f"/api/v1/jobs/{job['id']}/cancel").status_code == 404

    @pytest.mark.parametrize("path", ROUTES)
    def test_a_stranger_cannot_use_my_picture(
        self, alice_client: Client, bob_client: Client, model: ModelFile, path: str
    ) -> None:
        mine = alice_client.post(
            f"/api/v1/jobs{path}", {"image": PICTURE, **ROUTES[path]}, content_type="application/json"
        ).json()["params"]["image"]
        answer = bob_client.post(
            f"/api/v1/jobs{path}", {"image": mine, **ROUTES[path]}, content_type="application/json"
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert list(answer.json()["fields"]) == ["image"]
        assert Job.objects.count() == 1

    @pytest.mark.parametrize("path", ROUTES)
    def test_nobody_may_not(self, anonymous_client: Client, model: ModelFile, path: str) -> None:
        body = {"image": PICTURE, **ROUTES[path]}
        answer = anonymous_client.post(f"/api/v1/jobs{path}", body, content_type="application/json")
        assert answer.status_code == 401
        assert not Job.objects.exists()
        assert not Upload.objects.exists()

    @pytest.mark.parametrize(
        ("path", "body", "field"),
        [
            ("/upscale", {}, "image"),
            ("/upscale", {"image": PICTURE, "scale": 9}, "scale"),
            ("/upscale", {"image": PICTURE, "method": "magic"}, "method"),
            ("/face_restoration", {"image": PICTURE, "fidelity": 2}, "fidelity"),
            ("/face_restoration", {"image": PICTURE, "model": "magic"}, "model"),
            ("/adetailer", {"image": PICTURE, "confidence": 2}, "confidence"),
            ("/adetailer", {"image": PICTURE, "detector": "magic"}, "detector"),
            ("/adetailer", {"image": PICTURE, "sampler": "magic"}, "sampler"),
            ("/preprocess", {"image": PICTURE}, "type"),
            ("/preprocess", {"image": PICTURE, "type": "canny", "canny_high": 0}, "canny_high"),
            ("/preprocess", {"image": "aGVsbG8=", "type": "canny"}, "image"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_bad_input_is_named_in_the_routes_own_words(
        self, alice_client: Client, model: ModelFile, path: str, body: dict[str, Any], field: str
    ) -> None:
        answer = alice_client.post(f"/api/v1/jobs{path}", body, content_type="application/json")
        assert answer.status_code == 422
        assert list(answer.json()["fields"]) == [field]
        assert not Job.objects.exists()


class TestShorthand:
    """The short actions say what the long request says."""

    def test_upscaling(self) -> None:
        short = UPSCALE.read({"image": PICTURE, "scale": 3, "method": "dat"})
        long = {"task": "upscale", "image": PICTURE, "upscale": {"scale": 3, "method": "dat"}}
        assert short == generate_in(long)

    def test_faces(self) -> None:
        short = FACE_RESTORATION.read({"image": PICTURE, "visibility": 0.5})
        long = {"task": "face_restoration", "image": PICTURE, "face_restoration": {"visibility": 0.5}}
        assert short == generate_in(long)

    def test_maps(self) -> None:
        short = PREPROCESS.read({"image": PICTURE, "type": "canny", "canny_low": 7})
        unit = {"type": "canny", "canny_low": 7}
        assert short == generate_in({"task": "preprocess", "image": PICTURE, "controlnet": unit})

    def test_details_in_one_pass_and_in_several(self) -> None:
        short = ADETAILER.read(
            {"image": PICTURE, "prompt": "a face", "confidence": 0.5, "strength": 0.2, "steps": 9, "seed": 3}
        )
        assert (short.prompt, short.steps, short.seed) == ("a face", 9, 3)
        assert (short.adetailer[0].confidence, short.adetailer[0].strength) == (0.5, 0.2)
        assert short.adetailer[0].prompt == ""
        several = ADETAILER.read({"image": PICTURE, "adetailer": [{"top_k": 1}, {"top_k": 2}]})
        assert [one.top_k for one in several.adetailer] == [1, 2]


def test_a_picture_in_the_body_has_room_and_a_limit(alice_client: Client, model: ModelFile) -> None:
    noisy = encoded(picture(1200, 1200).effect_spread(200), "PNG")
    assert len(noisy) > 1_000_000
    body = {"prompt": "a", "image": base64_of(picture(1200, 1200).effect_spread(200))}
    assert alice_client.post("/api/v1/jobs", body, content_type="application/json").status_code == 202
    body["image"] = "A" * (9 * 2**20)
    answer = alice_client.post("/api/v1/jobs", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
