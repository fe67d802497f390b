"""``/api/v1/queue`` and what people do to their jobs over HTTP. Who may: also ``tests/access``."""

import uuid
from typing import Any

import pytest
from django.test import Client

from generation import forecasting, services
from generation.models import Job, JobState
from sdweb.accounts.models import User
from tests.generation.conftest import Submit
from tests.generation.test_queueing import give, order
from tests.generation.test_state_machine import put

pytestmark = pytest.mark.django_db

JSON = "application/json"


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(f"/api/v1/{path}", body or {}, content_type=JSON)


class TestMine:
    def test_hold_and_release(self, alice: User, alice_client: Client, submit: Submit) -> None:
        job = submit(alice)
        assert post(alice_client, f"jobs/{job.pk}/hold").json()["state"] == "held"
        again = post(alice_client, f"jobs/{job.pk}/hold")
        assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
        assert post(alice_client, f"jobs/{job.pk}/release").json()["state"] == "queued"

    def test_move(self, alice: User, alice_client: Client, submit: Submit) -> None:
        jobs = [submit(alice) for _ in range(3)]
        moved = post(alice_client, f"jobs/{jobs[2].pk}/move", {"before": str(jobs[1].pk)})
        assert (moved.status_code, moved.json()["turn"]) == (200, jobs[1].turn)
        assert order(alice) == [jobs[i].pk for i in (0, 2, 1)]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"to": "sideways"},
            {"before": "x"},
            {"to": "first", "before": str(uuid.UUID(int=7))},
        ],
        ids=str,
    )
    def test_a_move_to_nowhere(self, alice: User, alice_client: Client, submit: Submit, body: Any) -> None:
        answer = post(alice_client, f"jobs/{submit(alice).pk}/move", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")

    def test_retry(self, alice: User, alice_client: Client, submit: Submit) -> None:
        job = submit(alice)
        put(job, JobState.FAILED)
        answers = [post(alice_client, f"jobs/{job.pk}/retry") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 200]
        assert answers[0].json()["id"] == answers[1].json()["id"] != str(job.pk)

    def test_cancel_all_and_clear(self, alice: User, alice_client: Client, submit: Submit) -> None:
        for _ in range(3):
            submit(alice)
        assert post(alice_client, "jobs/cancel").json() == {"count": 3}
        assert len(alice_client.get("/api/v1/jobs").json()["items"]) == 3
        assert post(alice_client, "jobs/clear").json() == {"count": 3}
        assert alice_client.get("/api/v1/jobs").json()["items"] == []

    def test_expedite(self, alice: User, alice_client: Client, submit: Submit) -> None:
        job = submit(alice)
        refused = post(alice_client, f"jobs/{job.pk}/expedite")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        give(alice, "jump_queue")
        assert post(alice_client, f"jobs/{job.pk}/expedite").json()["urgent"] is True
        assert post(alice_client, f"jobs/{job.pk}/unexpedite").json()["urgent"] is False


class TestQueue:
    def test_the_numbers_are_everybodys_and_mine(
        self, alice: User, bob: User, alice_client: Client, submit: Submit
    ) -> None:
        held, _, running = submit(alice), submit(alice), submit(bob)
        services.job_hold(user=alice, job_id=held.pk)
        put(running, JobState.RUNNING)
        assert alice_client.get("/api/v1/queue").json() == {
            "paused": False,
            "reason": "",
            "since": None,
            "waiting": 1,
            "held": 1,
            "running": 1,
            "workers": 0,
            "mine": {"waiting": 1, "held": 1, "running": 0},
        }

    def test_others_see_only_that_a_place_is_taken(
        self, alice: User, bob: User, bob_client: Client, submit: Submit
    ) -> None:
        submit(alice, prompt="a secret")
        mine = submit(bob, prompt="a heron")
        first, second = bob_client.get("/api/v1/queue/jobs").json()["items"]
        assert (first["state"], first["position"], first["mine"]) == ("queued", 1, False)
        hidden = ("owner", "prompt", "task", "pictures", "created_at", "progress")
        assert [first[name] for name in hidden] == [None] * 6
        assert (second["id"], second["mine"], second["owner"]) == (str(mine.pk), True, "bob")
        assert second["prompt"] == "a heron"

    @pytest.mark.parametrize("right", ["view_all_jobs", "manage_queue"])
    def test_with_the_right_one_sees_whose_and_what(
        self, alice: User, bob: User, bob_client: Client, submit: Submit, right: str
    ) -> None:
        job = submit(alice, prompt="a secret " + "x" * 300)
        put(job, JobState.RUNNING)
        give(bob, right)
        (seen,) = bob_client.get("/api/v1/queue/jobs").json()["items"]
        assert (seen["owner"], seen["mine"], len(seen["prompt"])) == ("alice", False, 200)
        assert seen["progress"] == {"step": 0, "total": 0, "status": ""}

    def test_page_by_page_in_the_order_of_the_forecast(
        self, alice: User, bob: User, alice_client: Client, submit: Submit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        running = [submit(alice) for _ in range(2)]
        for job in running:
            put(job, JobState.RUNNING)
        held = submit(alice)
        waiting = [submit(user) for user in (alice, bob, alice, bob)]
        services.job_hold(user=alice, job_id=held.pk)
        places = forecasting.queue_forecast().places
        expected = [job.pk for job in running]
        expected += sorted((job.pk for job in waiting), key=lambda pk: places[pk].position)
        expected.append(held.pk)
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = alice_client.get(f"/api/v1/queue/jobs?limit=2&cursor={cursor}").json()
            assert 1 <= len(page["items"]) <= 2
            seen += [job["id"] for job in page["items"]]
            cursor = page["next_cursor"]
        assert seen == [str(pk) for pk in expected]

    def test_those_too_far_back_for_a_place_come_last(
        self, alice: User, alice_client: Client, submit: Submit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forecasting, "FORECAST_LIMIT", 2)
        jobs = [submit(alice) for _ in range(4)]
        items = alice_client.get("/api/v1/queue/jobs").json()["items"]
        assert [item["id"] for item in items] == [str(job.pk) for job in jobs]
        assert [item["position"] for item in items] == [1, 2, None, None]

    @pytest.mark.parametrize("cursor", ["x", "q.x", "r.5", "z.1", "q.-1", "r." + "-" * 36])
    def test_a_cursor_of_ones_own_making(self, alice_client: Client, cursor: str) -> None:
        answer = alice_client.get("/api/v1/queue/jobs", {"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")

    def test_costs_the_same_for_one_and_for_many(
        self, alice: User, bob: User, alice_client: Client, submit: Submit, django_assert_num_queries: Any
    ) -> None:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        submit(alice)
        alice_client.get("/api/v1/queue/jobs")  # the session's first request is written down
        with CaptureQueriesContext(connection) as few:
            alice_client.get("/api/v1/queue/jobs")
        for user in (alice, bob) * 4:
            submit(user)
        with django_assert_num_queries(len(few)):
            assert len(alice_client.get("/api/v1/queue/jobs").json()["items"]) == 9


class TestManaging:
    def test_pause_and_resume(self, admin_client: Client, alice_client: Client) -> None:
        paused = post(admin_client, "queue/pause", {"reason": "New disks"}).json()
        assert (paused["paused"], paused["reason"]) == (True, "New disks")
        assert alice_client.get("/api/v1/queue").json()["reason"] == "New disks"
        assert post(admin_client, "queue/resume").json()["paused"] is False

    def test_a_reason_has_bounds(self, admin_client: Client) -> None:
        assert post(admin_client, "queue/pause", {"reason": "x" * 201}).status_code == 422

    @pytest.mark.parametrize(
        ("act", "state", "urgent"),
        [
            ("cancel", "cancelled", False),
            ("hold", "held", False),
            ("expedite", "queued", True),
            ("move", "queued", False),
        ],
    )
    def test_anybodys_job(
        self, alice: User, admin_client: Client, submit: Submit, act: str, state: str, urgent: bool
    ) -> None:
        job = submit(alice)
        answer = post(admin_client, f"queue/jobs/{job.pk}/{act}", {"to": "first"} if act == "move" else {})
        assert answer.json() == {"job_id": str(job.pk), "state": state, "urgent": urgent}
        assert Job.objects.get(pk=job.pk).state == state
