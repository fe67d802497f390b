"""``/me/limits`` and ``/jobs/quote``: as the owner, a stranger and nobody; a quote changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from gallery.models import Image
from generation import actions, services
from generation.models import Job, Pace, Upload
from generation.schemas import generate_in
from generation.services import Claim
from models_hub.models import ModelFile
from sdweb.accounts.models import SiteSettings, User
from sdweb.errors import PortalError
from tests.generation.conftest import Submit
from tests.generation.drawing import base64_of, picture
from tests.generation.test_limits import charge, keep, limit
from tests.generation.test_state_machine import pictures

pytestmark = pytest.mark.django_db

JSON = "application/json"
ASKED: dict[str, Any] = {"prompt": "a fox", "steps": 4}


def quote(client: Client, **params: Any) -> Any:
    return client.post("/api/v1/jobs/quote", {**ASKED, **params}, content_type=JSON)


def counts() -> tuple[int, ...]:
    return tuple(table.objects.count() for table in (Job, Upload, Image))


class TestLimits:
    def test_side_by_side(
        self, alice: User, alice_client: Client, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        limit(alice, jobs_waiting=3, pictures=10, gpu_seconds_per_day=60, largest_side=512, weight=2.0)
        keep(alice, 2, nbytes=2**20)
        charge(alice, 12.5)
        submit(alice)
        claim()
        submit(alice, batch_size=2)
        told = alice_client.get("/api/v1/me/limits").json()
        assert (told["may_generate"], told["weight"], told["largest_side"], told["steps"]) == (
            True,
            2.0,
            512,
            None,
        )
        assert told["jobs_waiting"] == {"limit": 3, "used": 1, "ahead": 0, "resets_at": None}
        assert told["jobs_running"] == {"limit": None, "used": 1, "ahead": 0, "resets_at": None}
        assert told["pictures"] == {"limit": 10, "used": 2, "ahead": 3, "resets_at": None}
        assert told["stored_mb"] == {"limit": None, "used": 2.0, "ahead": 0, "resets_at": None}
        assert (told["gpu_seconds_per_day"]["limit"], told["gpu_seconds_per_day"]["used"]) == (60, 12.5)
        assert told["gpu_seconds_per_day"]["resets_at"].endswith("T00:00:00Z")

    def test_says_how_long_pictures_are_kept(self, alice_client: Client, settings: Settings) -> None:
        assert alice_client.get("/api/v1/me/limits").json()["picture_days"] is None
        settings.TRASH_DAYS = 14
        SiteSettings.objects.update_or_create(pk=1, defaults={"picture_days": 90})
        told = alice_client.get("/api/v1/me/limits").json()
        assert (told["picture_days"], told["trash_days"]) == (90, 14)

    def test_a_stranger_sees_their_own(self, alice: User, bob_client: Client, submit: Submit) -> None:
        limit(alice, jobs_waiting=3)
        submit(alice)
        told = bob_client.get("/api/v1/me/limits").json()
        assert told["jobs_waiting"] == {"limit": None, "used": 0, "ahead": 0, "resets_at": None}

    def test_nobody(self, anonymous_client: Client) -> None:
        assert anonymous_client.get("/api/v1/me/limits").status_code == 401


class TestSocket:
    def test_says_the_same(self, alice: User, alice_client: Client, model: ModelFile) -> None:
        limit(alice, jobs_waiting=3)
        connection = actions.Connection(user=alice, channel="c")
        (limits,) = actions.perform(connection, actions.Incoming(action="get_limits"))
        assert limits == {"type": "limits", "data": alice_client.get("/api/v1/me/limits").json()}
        asked = actions.Incoming.model_validate({"action": "quote", "params": ASKED})
        (told,) = actions.perform(connection, asked)
        assert told == {"type": "quote", "data": quote(alice_client).json()}


class TestQuote:
    def test_says_what_it_costs_and_where_it_would_stand(
        self, alice_client: Client, bob: User, submit: Submit
    ) -> None:
        cost = submit(bob).cost_tflop
        submit(bob)
        Pace.objects.create(device="a GPU", family="sd15", work="paint 384", seconds=10 / cost)
        told = quote(alice_client, batch_size=2).json()
        assert told["cost_tflop"] == pytest.approx(2 * cost, abs=0.001)
        assert told["gpu_seconds"] == pytest.approx(20.0, abs=0.1)
        assert told["pictures"] == 2
        assert told["position"] is not None
        assert told["starts_in_seconds"] is not None
        assert (told["allowed"], told["refusal"]) == (True, None)

    def test_without_anything_measured(self, alice_client: Client, model: ModelFile) -> None:
        told = quote(alice_client).json()
        assert (told["gpu_seconds"], told["allowed"]) == (None, True)

    def test_changes_nothing(self, alice: User, alice_client: Client, model: ModelFile) -> None:
        before = counts()
        image = f"data:image/png;base64,{base64_of(picture(64, 64))}"
        assert quote(alice_client, image=image).status_code == 200
        assert counts() == before

    def test_says_what_submission_would(self, alice: User, alice_client: Client, submit: Submit) -> None:
        limit(alice, jobs_waiting=1)
        submit(alice)
        told = quote(alice_client).json()
        assert told["allowed"] is False
        assert (told["jobs_waiting"], told["jobs_waiting_limit"]) == (1, 1)
        refusal = told["refusal"]
        with pytest.raises(PortalError) as refused:
            submit(alice)
        assert {key: refusal[key] for key in ("code", "message", "hint", "fields")} == refused.value.as_dict()
        figures = [refusal[key] for key in ("limit", "allowed", "used", "wanted")]
        assert figures == ["jobs_waiting", 1, 1, 1]

    def test_what_nobody_could_submit_is_refused_alike(self, alice_client: Client, model: ModelFile) -> None:
        for wrong in ({"model": "nothing"}, {"width": 513}, {"image": "upload:" + "0" * 32}):
            submitted = alice_client.post("/api/v1/jobs", {**ASKED, **wrong}, content_type=JSON)
            asked = quote(alice_client, **wrong)
            assert (asked.status_code, asked.json()) == (submitted.status_code, submitted.json())

    def test_a_picture_of_a_stranger_does_not_exist(
        self,
        alice: User,
        alice_client: Client,
        bob_client: Client,
        submit: Submit,
        claim: Callable[..., Claim],
    ) -> None:
        submit(alice)
        services.job_finish(claim(), images=pictures(), timings={})
        reference = f"image:{Image.objects.get().pk}"
        assert quote(alice_client, image=reference).status_code == 200
        assert quote(bob_client, image=reference).status_code == 404

    @pytest.mark.parametrize("size", [(128, 64), (64, 128), (96, 96)])
    def test_pictures_measure_as_they_would_if_they_were_sent(
        self, alice: User, alice_client: Client, model: ModelFile, size: tuple[int, int]
    ) -> None:
        image = base64_of(picture(*size))
        told = quote(alice_client, image=image, strength=1.0).json()
        job = services.job_submit(
            user=alice, request=generate_in({**ASKED, "image": image, "strength": 1.0})
        ).job
        assert told["cost_tflop"] == pytest.approx(job.cost_tflop, abs=0.001)

    def test_nobody(self, anonymous_client: Client, model: ModelFile) -> None:
        assert quote(anonymous_client).status_code == 401

    def test_a_long_queue_costs_no_more_queries(
        self, alice: User, alice_client: Client, bob: User, submit: Submit
    ) -> None:
        limit(alice, jobs_waiting=100, pictures=100, gpu_seconds_per_day=1000, stored_mb=10)

        def queries() -> int:
            with CaptureQueriesContext(connection) as seen:
                assert quote(alice_client).status_code == 200
            return len(seen)

        submit(alice)
        few = queries()
        for _ in range(10):
            submit(alice)
            submit(bob)
        assert queries() <= few + 1  # a person more in the queue
