"""A client that knows only the predecessor's protocol: its messages in, its messages out."""

import base64
import io

import httpx
import pytest
from PIL import Image

from tests.integration.portal import SLOW, Person, params_of

pytestmark = pytest.mark.integration

PREDECESSOR_PARAMS = {
    "negative_prompt": "a blue cat",
    "task": "txt2img",
    "sampler": "euler_ancestral",
    "scheduler": "karras",
    "strength": 0.75,
    "loras": [],
    "clip_skip": 0,
    "freeu_beta": 0,
    "pag_scale": 0,
    "controlnet": None,
    "image": None,
    "mask": None,
}
"""What its page sends with every request besides the numbers, features that are off included."""


def test_it_generates(person: Person) -> None:
    with person.socket() as socket:
        socket.say(action="generate", params=params_of(**PREDECESSOR_PARAMS, steps=8, seed=42))
        done = socket.hear("complete")
    data = done["data"]
    (encoded,) = data["images"]
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        assert picture.format == "PNG"
        assert picture.size == (64, 64)
    assert data["metadata"]["prompt"] == "a red fox"
    assert data["metadata"]["seed"] == 42
    assert data["metadata"]["negative_prompt"] == "a blue cat"
    (path,) = data["paths"]
    assert path.startswith("/outputs/")
    assert path.endswith(".png")
    assert data["gdrive_ids"] == []
    assert person.http.get(path).content == base64.b64decode(encoded)


def test_progress_has_the_predecessors_shape(person: Person) -> None:
    with person.socket() as socket:
        socket.say(action="generate", params=params_of(width=128, height=128, steps=60))
        socket.hear("complete")
    reports = socket.of_type("progress")
    assert reports
    for report in reports:
        assert {"step", "total", "status"} <= set(report["data"])
        assert 0 <= report["data"]["step"] <= report["data"]["total"]
    steps = [report["data"]["step"] for report in reports]
    assert steps == sorted(steps)
    previews = [report["data"]["preview"] for report in reports if report["data"].get("preview")]
    assert previews
    assert base64.b64decode(previews[0].rpartition(",")[2]).startswith(b"\xff\xd8"), "a JPEG"


def test_a_random_seed_is_told(person: Person) -> None:
    with person.socket() as socket:
        socket.say(action="generate", params=params_of(seed=-1))
        seed = socket.hear("complete")["data"]["metadata"]["seed"]
    assert 0 <= seed < 2**32


def test_it_cancels_without_an_id(person: Person) -> None:
    with person.socket() as socket:
        socket.say(action="generate", params=params_of(**SLOW))
        socket.hear("progress")
        socket.say(action="cancel_generation")
        error = socket.hear("error", code="cancelled", seconds=20)
        assert error["message"]
    assert person.images() == []
    (job,) = person.http.get("/api/v1/jobs").json()["items"]
    assert job["state"] == "cancelled"


def test_after_a_cancel_the_worker_is_free_again(person: Person) -> None:
    with person.socket() as socket:
        socket.say(action="generate", params=params_of(**SLOW))
        socket.hear("progress")
        socket.say(action="cancel_generation")
        socket.hear("error", code="cancelled", seconds=20)
        socket.say(action="generate", params=params_of())
        socket.hear("complete", seconds=60)
    assert len(person.images()) == 1


def test_models_and_gallery(person: Person) -> None:
    with person.socket() as socket:
        socket.say(action="get_models")
        models = socket.hear("models")["data"]
        assert "tiny" in [model["name"] for model in models["models"]]
        socket.say(action="generate", params=params_of())
        socket.hear("complete")
        socket.say(action="get_gallery", page=0, limit=10)
        gallery = socket.hear("gallery")["data"]
    assert gallery["total"] == 1
    assert gallery["images"][0]["prompt"] == "a red fox"


def test_a_stranger_hears_and_sees_nothing(person: Person) -> None:
    stranger = Person.new(person.portal)
    with person.socket() as socket, stranger.socket() as theirs:
        theirs.hear("snapshot")
        socket.say(action="generate", params=params_of())
        done = socket.hear("complete")
        theirs.say(action="cancel_generation", job_id=done["job_id"])
        assert theirs.hear("error")["code"] == "not_found"
    assert {message["type"] for message in theirs.heard} == {"snapshot", "error"}
    assert stranger.images() == []
    (path,) = done["data"]["paths"]
    assert stranger.http.get(path).status_code == 404
    assert httpx.get(f"{person.portal.url}{path}").status_code in (401, 403, 404)


def test_a_connection_made_later_gets_the_state(person: Person) -> None:
    job_id = person.submit(**SLOW)
    person.wait_running(job_id)
    with person.socket() as socket:
        snapshot = socket.hear("snapshot")
        assert [job["id"] for job in snapshot["data"]["jobs"]] == [job_id]
        socket.say(action="cancel_generation", job_id=job_id)
        socket.hear("error", code="cancelled", seconds=20)


def test_repeating_a_request_makes_no_second_job(person: Person) -> None:
    first = person.post("/api/v1/jobs", params_of(), **{"Idempotency-Key": "once"})
    second = person.post("/api/v1/jobs", params_of(), **{"Idempotency-Key": "once"})
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    person.wait_for(first.json()["id"])
    assert len(person.images()) == 1
