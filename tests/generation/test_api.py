"""``/api/v1/jobs`` and ``/options``: as the owner, as a stranger, as nobody, and with bad input."""

import uuid
from typing import Any

import pytest
from django.test import Client

from generation import services
from generation.models import Job, JobState
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from tests.factories import ModelFileFactory
from tests.generation.conftest import Submit
from tests.generation.test_state_machine import pictures

pytestmark = pytest.mark.django_db

JSON = "application/json"


def post(client: Client, body: Any, **headers: str) -> Any:
    return client.post("/api/v1/jobs", body, content_type=JSON, headers=headers)


class TestSubmit:
    def test_answers_with_the_job(self, alice_client: Client, model: ModelFile) -> None:
        response = post(alice_client, {"prompt": "a cat", "seed": 5})
        assert response.status_code == 202
        job = response.json()
        assert (job["state"], job["position"], job["params"]["seed"]) == ("queued", 1, 5)
        assert job["images"] == []
        assert job["error"] is None
        assert uuid.UUID(job["id"]).version == 7

    def test_a_repetition_answers_200_with_the_same_job(self, alice_client: Client, model: ModelFile) -> None:
        first = post(alice_client, {"prompt": "a"}, **{"Idempotency-Key": "k"})
        again = post(alice_client, {"prompt": "a"}, **{"Idempotency-Key": "k"})
        assert (first.status_code, again.status_code) == (202, 200)
        assert first.json()["id"] == again.json()["id"]

    def test_nobody_may_not(self, anonymous_client: Client, model: ModelFile) -> None:
        response = post(anonymous_client, {"prompt": "a"})
        assert response.status_code == 401
        assert response.json()["code"] == "not_signed_in"
        assert not Job.objects.exists()

    def test_without_the_csrf_token_it_is_refused(self, alice: User, model: ModelFile) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(alice)
        response = post(strict, {"prompt": "a"})
        assert response.status_code == 403
        assert response.json()["code"] == "csrf_failed"
        token = strict.get("/api/v1/me").json()["csrf_token"]
        assert post(strict, {"prompt": "a"}, **{"X-CSRFToken": token}).status_code == 202

    @pytest.mark.parametrize(
        ("body", "status", "code", "field"),
        [
            ({"prompt": "x" * 10_001}, 422, "invalid_input", "prompt"),
            ({"prompt": "a", "width": 513}, 422, "invalid_input", "width"),
            ({"prompt": "a", "width": "wide"}, 422, "invalid_input", "width"),
            ({"prompt": "a", "sampler": "Magic"}, 422, "unknown_sampler", "sampler"),
            ({"prompt": "a", "scheduler": "Magic"}, 422, "unknown_schedule", "scheduler"),
            ({"prompt": "a", "model": "Magic"}, 422, "unknown_model", "model"),
            ({"prompt": "a", "loras": [{"name": "x"}]}, 422, "unknown_model", "loras.0.name"),
            ('{"prompt": "a", "cfg_scale": NaN}', 422, "invalid_input", "cfg_scale"),
            ({}, 422, "invalid_input", "prompt"),
            ("[]", 422, "invalid_input", None),
            ("{broken", 400, "invalid_body", None),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_bad_input_is_one_clear_error(
        self, alice_client: Client, model: ModelFile, body: Any, status: int, code: str, field: str | None
    ) -> None:
        response = post(alice_client, body)
        error = response.json()
        assert (response.status_code, error["code"]) == (status, code)
        assert error.keys() == {"code", "message", "hint", "fields"}
        assert error["message"]
        if field:
            assert field in error["fields"]
        assert not Job.objects.exists()

    def test_a_huge_body_is_refused(self, alice_client: Client, model: ModelFile) -> None:
        response = post(alice_client, '{"prompt": "' + "x" * (30 * 2**20) + '"}')
        assert response.status_code == 413
        assert response.json()["code"] == "body_too_large"


class TestRead:
    def test_the_owner_sees_it(self, alice: User, alice_client: Client, submit: Submit) -> None:
        job = submit(alice)
        assert alice_client.get(f"/api/v1/jobs/{job.pk}").json()["id"] == str(job.pk)

    def test_a_stranger_does_not(self, alice: User, bob_client: Client, submit: Submit) -> None:
        response = bob_client.get(f"/api/v1/jobs/{submit(alice).pk}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")

    def test_nobody_does_not(self, alice: User, anonymous_client: Client, submit: Submit) -> None:
        assert anonymous_client.get(f"/api/v1/jobs/{submit(alice).pk}").status_code == 401

    def test_what_does_not_exist(self, alice_client: Client) -> None:
        assert alice_client.get(f"/api/v1/jobs/{uuid.uuid4()}").status_code == 404

    def test_a_finished_one_brings_its_pictures(
        self, alice: User, alice_client: Client, submit: Submit, claim: Any
    ) -> None:
        job, mine = submit(alice), claim()
        services.job_finish(mine, images=pictures(2), timings={})
        body = alice_client.get(f"/api/v1/jobs/{job.pk}").json()
        assert body["state"] == "done"
        assert [image["index"] for image in body["images"]] == [0, 1]

    def test_a_running_one_says_how_far_it_is(
        self, alice: User, alice_client: Client, submit: Submit, claim: Any
    ) -> None:
        job, mine = submit(alice), claim()
        services.job_heartbeat(mine, step=3, total=20, status="denoising")
        body = alice_client.get(f"/api/v1/jobs/{job.pk}").json()
        assert body["progress"] == {"step": 3, "total": 20, "status": "denoising"}
        assert body["position"] is None


class TestList:
    def test_shows_mine_newest_first_page_by_page(
        self, alice: User, bob: User, alice_client: Client, submit: Submit
    ) -> None:
        mine = [str(submit(alice).pk) for _ in range(5)]
        submit(bob)
        seen: list[str] = []
        cursor = ""
        while True:
            page = alice_client.get(f"/api/v1/jobs?limit=2&cursor={cursor}").json()
            seen += [job["id"] for job in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == mine[::-1]

    def test_filters_by_state(self, alice: User, alice_client: Client, submit: Submit) -> None:
        waiting, ended = submit(alice), submit(alice)
        services.job_cancel(user=alice, job_id=ended.pk)

        def ids(state: str) -> list[str]:
            return [job["id"] for job in alice_client.get(f"/api/v1/jobs?state={state}").json()["items"]]

        assert ids("active") == [str(waiting.pk)]
        assert ids("finished") == [str(ended.pk)]
        assert ids("cancelled") == [str(ended.pk)]

    @pytest.mark.parametrize("query", ["state=lost", "limit=0", "limit=101", "cursor=x", "limit=NaN"])
    def test_bad_filters_are_refused(self, alice_client: Client, query: str) -> None:
        response = alice_client.get(f"/api/v1/jobs?{query}")
        assert response.status_code == 422
        assert response.json()["fields"]

    def test_nobody_may_not(self, anonymous_client: Client) -> None:
        assert anonymous_client.get("/api/v1/jobs").status_code == 401

    def test_costs_the_same_for_one_and_for_many(
        self,
        alice: User,
        alice_client: Client,
        submit: Submit,
        claim: Any,
        django_assert_max_num_queries: Any,
    ) -> None:
        for _ in range(6):
            submit(alice, batch_size=2)
        for _ in range(3):
            services.job_finish(claim(), images=pictures(2), timings={})
        claim()
        with django_assert_max_num_queries(22):  # session, user, jobs, images, and the forecast's
            assert len(alice_client.get("/api/v1/jobs").json()["items"]) == 6


class TestCancel:
    def test_the_owner_may(self, alice: User, alice_client: Client, submit: Submit) -> None:
        job = submit(alice)
        response = alice_client.post(f"/api/v1/jobs/{job.pk}/cancel")
        assert (response.status_code, response.json()["state"]) == (200, "cancelled")

    def test_once(self, alice: User, alice_client: Client, submit: Submit) -> None:
        job = submit(alice)
        alice_client.post(f"/api/v1/jobs/{job.pk}/cancel")
        response = alice_client.post(f"/api/v1/jobs/{job.pk}/cancel")
        assert (response.status_code, response.json()["code"]) == (409, "job_finished")

    def test_a_stranger_may_not(self, alice: User, bob_client: Client, submit: Submit) -> None:
        job = submit(alice)
        assert bob_client.post(f"/api/v1/jobs/{job.pk}/cancel").status_code == 404
        assert Job.objects.get(pk=job.pk).state == JobState.QUEUED

    def test_nobody_may_not(self, alice: User, anonymous_client: Client, submit: Submit) -> None:
        job = submit(alice)
        assert anonymous_client.post(f"/api/v1/jobs/{job.pk}/cancel").status_code == 401
        assert Job.objects.get(pk=job.pk).state == JobState.QUEUED


class TestOptions:
    def test_names_what_a_form_may_offer(self, alice_client: Client) -> None:
        body = alice_client.get("/api/v1/options").json()
        assert len(body["samplers"]) >= 20
        assert {"name": "karras", "label": "Karras"} in body["schedules"]
        assert body["limits"]["max_prompt_length"] == 10_000
        assert body["sizes"] == [512, 768, 1024]
        assert {"canny", "depth_midas", "openpose"} <= {one["name"] for one in body["preprocessors"]}
        (canny,) = (one for one in body["control_types"] if one["name"] == "Canny")
        assert canny["preprocessor"] == "canny"

    def test_says_what_each_preprocessor_takes_and_lacks(self, alice_client: Client) -> None:
        found = {one["name"]: one for one in alice_client.get("/api/v1/options").json()["preprocessors"]}
        low, high = found["canny"]["parameters"]
        assert (low["name"], low["kind"], low["default"], low["minimum"], low["maximum"]) == (
            "canny_low", "int", 100, 1, 255,
        )  # fmt: skip
        assert high["name"] == "canny_high"
        assert found["canny"]["is_ready"]
        assert not found["softedge_hed"]["is_ready"]
        (file,) = found["softedge_hed"]["missing_files"]
        assert file["url"].startswith("https://huggingface.co/")

    def test_lists_the_library_by_kind(self, alice_client: Client) -> None:
        lora = ModelFileFactory.create(kind=ModelFile.Kind.LORA, name="mine", trigger_words=["glow"])
        ModelFileFactory.create(kind=ModelFile.Kind.LORA, name="off", enabled=False)
        ModelFileFactory.create(kind=ModelFile.Kind.VAE, name="soft")
        body = alice_client.get("/api/v1/options").json()
        assert body["loras"] == [
            {"id": str(lora.pk), "name": "mine", "family": "sd15", "trigger_words": ["glow"]}
        ]
        assert [one["name"] for one in body["vaes"]] == ["soft"]
        assert body["upscale_methods"] == ["lanczos", "esrgan", "realesrgan", "dat"]

    def test_nobody_may_not(self, anonymous_client: Client) -> None:
        assert anonymous_client.get("/api/v1/options").status_code == 401


class TestPlaces:
    def test_positions_follow_fair_shares(
        self, alice: User, alice_client: Client, bob_client: Client, bob: User, submit: Submit
    ) -> None:
        for _ in range(3):
            submit(alice)
        late = submit(bob)
        position = bob_client.get(f"/api/v1/jobs/{late.pk}").json()["position"]
        assert position == 2
        mine = alice_client.get("/api/v1/jobs").json()["items"]
        assert [job["position"] for job in mine] == [4, 3, 1]

    @pytest.mark.usefixtures("model")
    def test_waiting_times_come_from_what_was_measured(
        self, alice_client: Client, claim: Any, settings: Any
    ) -> None:
        settings.WORKER_SLOTS = 1
        assert post(alice_client, {"prompt": "a"}).json()["eta_seconds"] is None
        services.job_finish(claim(), images=pictures(), timings={"device": 10.0})
        first = post(alice_client, {"prompt": "a"}).json()
        second = post(alice_client, {"prompt": "a"}).json()
        assert first["eta_seconds"] == 0
        assert second["eta_seconds"] == pytest.approx(10)


def test_the_openapi_document_names_every_operation(alice_client: Client) -> None:
    document = alice_client.get("/api/v1/openapi.json").json()
    operations = [op for path in document["paths"].values() for op in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert document["openapi"].startswith("3.1")
    assert len(ids) == len(set(ids))
    assert {"me_get", "jobs_submit", "jobs_list", "jobs_cancel", "images_list", "models_list"} <= set(ids)
    assert all(operation["summary"] for operation in operations)


def test_addresses_that_do_not_exist_answer_in_the_same_shape(alice_client: Client) -> None:
    response = alice_client.get("/api/v1/nowhere")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
