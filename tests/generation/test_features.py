"""Every feature through the whole stack: HTTP in, the real engine on the demo family, gallery out.

Each one has to change the picture, and each picture's recipe and infotext have to say what made it.
"""

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from PIL import Image as Pictures
from PIL import ImageChops

from gallery.models import Image
from gallery.storage import gallery_storage
from generation.engine.spec import EngineConfig
from generation.engine.step_engine import StepEngine
from generation.models import FINISHED_STATES, Job, JobState
from generation.worker import Worker
from models_hub.models import ModelFile
from models_hub.services import library_scan
from tests.generation.drawing import base64_of, picture
from tests.generation.test_worker import quiet, until

pytestmark = pytest.mark.django_db(transaction=True)

PLAIN: dict[str, Any] = {
    "prompt": "red apple", "seed": 5, "steps": 4, "width": 128, "height": 128, "cfg_scale": 4.0,
}  # fmt: skip
SUBJECT = base64_of(picture(128, 128))
HALF = Pictures.new("L", (128, 128), 0)
HALF.paste(255, (64, 0, 128, 128))
MASK = base64_of(HALF)

Make = Callable[..., Job]


@pytest.fixture(scope="module")
def engine() -> Iterator[StepEngine]:
    """One for all: loading is what takes time."""
    started = StepEngine(EngineConfig(device="cpu", precision="fp32"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def demo_family() -> list[ModelFile]:
    """Rows of the demo family, filled in by the first test: hashing all of its files once is enough."""
    return []


@pytest.fixture
def worker(
    db: None, engine: StepEngine, demo_family: list[ModelFile], settings: Any, tmp_path: Any
) -> Iterator[Worker]:
    """One slot, and the demo family in the library."""
    settings.MODELS_PATH = tmp_path
    settings.RECOVERY_SECONDS = 3600
    if demo_family:
        ModelFile.objects.bulk_create(demo_family)
    else:
        library_scan()
        demo_family += ModelFile.objects.all()
    started = Worker(engine, slots=1)
    yield started
    quiet(started)


@pytest.fixture
def make(alice_client: Client, worker: Worker) -> Make:
    """Ask over HTTP, let the worker run, return the finished job."""

    def build(path: str = "", **params: Any) -> Job:
        answer = alice_client.post(f"/api/v1/jobs{path}", params, content_type="application/json")
        assert answer.status_code == 202, answer.json()
        job = finished(worker, answer.json()["id"])
        assert job.state == JobState.DONE, job.error
        return job

    return build


def finished(worker: Worker, job_id: str) -> Job:
    """The job at its end: this thread runs it, or a slot that was still open."""
    worker.serve()
    until(lambda: Job.objects.get(pk=job_id).state in FINISHED_STATES)
    return Job.objects.get(pk=job_id)


def pixels(job: Job, index: int = 0) -> Pictures.Image:
    image = Image.objects.get(job_id=job.pk, index=index)
    with gallery_storage().open(image.file_key) as file:
        return Pictures.open(io.BytesIO(file.read())).copy()


def infotext(job: Job) -> str:
    image = Image.objects.get(job_id=job.pk, index=0)
    with gallery_storage().open(image.file_key) as file:
        return str(Pictures.open(io.BytesIO(file.read())).text["parameters"])  # type: ignore[attr-defined]


def differ(one: Pictures.Image, other: Pictures.Image) -> bool:
    return one.size != other.size or ImageChops.difference(one, other).getbbox() is not None


FEATURES: dict[str, dict[str, Any]] = {
    "img2img": {"image": SUBJECT, "strength": 0.5},
    "inpaint": {"image": SUBJECT, "mask": MASK, "strength": 0.8},
    "outpaint": {"image": SUBJECT, "outpaint": {"left": 32}, "width": 160},
    "hires": {"hires": {"scale": 1.5, "steps": 2}},
    "hires by a model": {"hires": {"scale": 2, "steps": 2, "upscaler": "Demo upscaler x2"}},
    "variation": {"variation": {"seed": 9, "strength": 0.3}},
    "tiling": {"tiling": True},
    "clip skip": {"clip_skip": 1},
    "freeu in one number": {"freeu_beta": 1.3},
    "pag": {"pag_scale": 2.0},
    "rescale": {"cfg_rescale": 0.7},
    "lora": {"loras": [{"name": "Demo line art"}]},
    "lora in the prompt": {"prompt": "red apple <lora:sunset:1>"},
    "controlnet": {"controlnet": {"type": "canny", "image": SUBJECT}},
    "two units": {
        "controlnet": [{"type": "canny", "image": SUBJECT}, {"type": "scribble", "image": SUBJECT}]
    },
    "ip adapter": {"ip_adapter": {"image": SUBJECT}},
    "faces in detail": {"adetailer": {"confidence": 0.01, "strength": 0.9}},
    "upscale after": {"upscale": {"scale": 2, "method": "esrgan"}},
}


@pytest.fixture
def plain(make: Make) -> Pictures.Image:
    """The picture without any of it."""
    return pixels(make(**PLAIN))


@pytest.mark.parametrize("name", FEATURES)
def test_each_feature_changes_the_picture(name: str, make: Make, plain: Pictures.Image) -> None:
    job = make(**{**PLAIN, **FEATURES[name]})
    assert differ(pixels(job), plain)
    recipe = Image.objects.get(job_id=job.pk, index=0).recipe
    assert {**job.params, "task": job.task} == {name: recipe[name] for name in job.params}
    assert infotext(job)
    assert not differ(pixels(make(**PLAIN)), plain)


class TestPicturesThatAreThere:
    def test_upscale(self, make: Make) -> None:
        job = make("/upscale", image=SUBJECT, scale=2, method="esrgan")
        assert (job.task, pixels(job).size) == ("upscale", (256, 256))
        assert "Postprocess upscaler: Demo upscaler" in infotext(job)

    def test_upscale_without_a_model(self, make: Make) -> None:
        assert pixels(make("/upscale", image=SUBJECT, scale=1.5)).size == (192, 192)

    def test_transparency_is_kept(self, make: Make) -> None:
        clear = base64_of(picture(64, 64, mode="RGBA", colour=(255, 0, 0, 0)))
        made = pixels(make("/upscale", image=clear, scale=2))
        assert (made.mode, made.getpixel((5, 5))[3]) == ("RGBA", 0)  # type: ignore[index]

    def test_preprocess(self, make: Make, alice_client: Client) -> None:
        job = make("/preprocess", image=SUBJECT, type="canny", canny_low=10, canny_high=40)
        assert job.task == "preprocess"
        assert set(pixels(job).convert("L").getdata()) <= {0, 255}
        assert alice_client.get("/api/v1/images").json()["items"] == []
        assert len(alice_client.get("/api/v1/images?task=preprocess").json()["items"]) == 1
        assert len(alice_client.get(f"/api/v1/jobs/{job.pk}").json()["images"]) == 1

    def test_adetailer(self, make: Make) -> None:
        job = make("/adetailer", image=SUBJECT, prompt="a face", confidence=0.01, seed=1, steps=3)
        assert (job.task, pixels(job).size) == ("adetailer", (128, 128))

    def test_a_picture_of_the_gallery_goes_on(self, make: Make) -> None:
        first = make(**PLAIN)
        image = Image.objects.get(job_id=first.pk)
        job = make("/upscale", image=f"image:{image.pk}", scale=2)
        assert Image.objects.get(job_id=job.pk).prompt == "red apple"


def test_control_maps_come_along_when_asked_for(make: Make, alice_client: Client) -> None:
    job = make(**PLAIN, controlnet={"type": "canny", "image": SUBJECT}, control_maps=True, batch_size=2)
    out = alice_client.get(f"/api/v1/jobs/{job.pk}").json()
    assert [image["index"] for image in out["images"]] == [0, 1]
    (drawn,) = out["control_maps"]
    assert (drawn["task"], drawn["index"]) == ("preprocess", 2)
    assert len(alice_client.get("/api/v1/images").json()["items"]) == 2


def test_a_missing_file_is_told_and_where_to_get_it(alice_client: Client, worker: Worker) -> None:
    body = {"image": SUBJECT, "preprocessor": "softedge_hed"}
    answer = alice_client.post("/api/v1/jobs/preprocess", body, content_type="application/json")
    job = finished(worker, answer.json()["id"])
    assert job.state == JobState.FAILED
    assert job.error is not None
    assert "ControlNetHED" in job.error["message"] + job.error["hint"]


def test_base64_pictures_come_back_as_they_went(make: Make) -> None:
    job = make(**{**PLAIN, "image": SUBJECT, "strength": 0.0})
    assert not differ(pixels(job).convert("RGB"), Pictures.open(io.BytesIO(base64.b64decode(SUBJECT))))
