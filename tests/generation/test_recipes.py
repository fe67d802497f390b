"""A picture dropped on the form: whose recipe is read, what of it this server can use, and hostile files."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo

from gallery.encoding import png_encode
from generation import recipes
from generation.engine.infotext import exif_write
from generation.models import Job
from models_hub.models import ModelFile
from tests.factories import ModelFileFactory
from tests.gallery.making import picture

pytestmark = pytest.mark.django_db

TEXT = (
    "a red fox\nNegative prompt: fog\nSteps: 12, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 7, "
    "Size: 768x512, Model hash: {hash}, Model: {model}, Clip skip: 2, Version: v1.10.1"
)


@pytest.fixture
def checkpoint(db: None) -> ModelFile:
    return ModelFileFactory.create(name="Foxy", is_default=True, sha256="ab12cd34" * 8)


def png(text: str, key: str = "parameters") -> bytes:
    buffer = io.BytesIO()
    info = PngInfo()
    info.add_itxt(key, text)
    PillowImage.new("RGB", (16, 16)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def post(client: Client, content: bytes, name: str = "x.png") -> Any:
    return client.post("/api/v1/images/read-recipe", {"file": SimpleUploadedFile(name, content)})


def test_a_picture_of_a1111_fills_the_form(alice_client: Client, checkpoint: ModelFile) -> None:
    response = post(alice_client, png(TEXT.format(hash="ab12cd34ab", model="what-others-call-it")))
    assert response.status_code == 200
    answer = response.json()
    assert answer["params"] == {
        "prompt": "a red fox", "negative_prompt": "fog", "model": "Foxy", "steps": 12, "sampler": "DPM++ 2M",
        "scheduler": "Karras", "cfg_scale": 6.5, "seed": 7, "width": 768, "height": 512, "clip_skip": 1,
    }  # fmt: skip
    assert (answer["source"], answer["missing"], answer["extra"]) == ("a1111", [], {"Version": "v1.10.1"})
    job = alice_client.post("/api/v1/jobs", answer["params"], content_type="application/json")
    assert job.status_code == 202


def test_a_model_is_found_by_its_name_too(alice_client: Client, checkpoint: ModelFile) -> None:
    answer = post(alice_client, png(TEXT.format(hash="ffffffffff", model="foxy"))).json()
    assert (answer["params"]["model"], answer["missing"]) == ("Foxy", [])


def test_what_is_not_here_is_left_out_and_told(alice_client: Client, checkpoint: ModelFile) -> None:
    text = TEXT.format(hash="ffffffffff", model="elsewhere").replace("768x512", "5000x512")
    answer = post(alice_client, png(text.replace("Seed: 7", f"Seed: {2**60}"))).json()
    assert {one["field"]: one["value"] for one in answer["missing"]} == {
        "model": "elsewhere", "width": "5000", "seed": str(2**60),
    }  # fmt: skip
    assert not {"model", "width", "seed"} & set(answer["params"])
    assert answer["params"]["height"] == 512


def test_a_picture_of_ours_gives_back_every_field(alice_client: Client, checkpoint: ModelFile) -> None:
    document = {
        "version": 1, "seed": 9, "prompt": "a fox", "negative_prompt": "", "model": "old name", "steps": 4,
        "model_hash": checkpoint.sha256, "sampler": "Euler", "scheduler": "simple", "cfg_scale": 1.5,
        "width": 64, "height": 64, "batch_size": 4, "clip_skip": 0, "job_id": "x", "timings": {"loaded": 1},
        "image": None, "task": "txt2img",
    }  # fmt: skip
    content = png_encode(picture(), infotext=TEXT.format(hash="", model=""), recipe=document)
    answer = post(alice_client, content).json()
    assert answer["source"] == "sdweb"
    assert answer["params"] == {
        "prompt": "a fox", "negative_prompt": "", "model": "Foxy", "steps": 4, "sampler": "Euler",
        "scheduler": "simple", "cfg_scale": 1.5, "seed": 9, "width": 64, "height": 64, "clip_skip": 0,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_kinds_of_files_are_read(alice_client: Client, checkpoint: ModelFile, kind: str) -> None:
    buffer = io.BytesIO()
    picture().save(buffer, kind, exif=exif_write(TEXT.format(hash="", model="foxy")))
    assert post(alice_client, buffer.getvalue()).json()["params"]["seed"] == 7


def test_nobody_may_not(anonymous_client: Client) -> None:
    assert post(anonymous_client, png(TEXT)).status_code == 401


def test_strangers_may_read_what_they_have(bob_client: Client, checkpoint: ModelFile) -> None:
    assert post(bob_client, png(TEXT.format(hash="", model="foxy"))).status_code == 200


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "no_recipe"),
        (b"hello", "no_recipe"),
        (png("nothing of value"), "no_recipe"),
        (png("{" * 5000, key="prompt"), "bad_metadata"),
        (png(TEXT)[:60], "bad_metadata"),
    ],
)
def test_files_without_a_recipe_are_refused(alice_client: Client, content: bytes, code: str) -> None:
    response = post(alice_client, content)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert not Job.objects.exists()


def test_large_files_are_not_read(alice_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "MAX_FILE_BYTES", 100)
    response = post(alice_client, png(TEXT) + b"x" * 100)
    assert (response.status_code, response.json()["code"]) == (413, "picture_too_large")


def test_a_request_without_a_file_is_named(alice_client: Client) -> None:
    response = alice_client.post("/api/v1/images/read-recipe")
    assert response.status_code == 422
    assert "file" in response.json()["fields"]
