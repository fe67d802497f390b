"""Submitting: what is stored, what is refused, and that a key makes it once."""

import math
import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from generation import actions, events, services
from generation.models import Job, JobState
from generation.schemas import generate_in
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.factories import ModelFileFactory
from tests.generation.conftest import Submit

pytestmark = pytest.mark.django_db


def test_stores_a_waiting_job_with_everything_resolved(alice: User, submit: Submit, model: ModelFile) -> None:
    job = submit(alice, sampler="k_euler_a", scheduler="", seed=-1)
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
    assert job.model == model
    assert job.params["model"] == "demo"
    assert job.params["sampler"] == "Euler a"
    assert job.params["scheduler"] != ""
    assert 0 <= job.params["seed"] <= 2**32 - 1
    assert job.cost_tflop > 0


def test_keeps_a_seed_that_was_given(alice: User, submit: Submit) -> None:
    assert submit(alice, seed=7).params["seed"] == 7


def test_random_seeds_differ(alice: User, submit: Submit) -> None:
    assert len({submit(alice).params["seed"] for _ in range(5)}) > 1


def test_the_model_may_be_named_in_any_way(alice: User, submit: Submit) -> None:
    other = ModelFileFactory.create(name="other")
    assert submit(alice, model="other").model == other
    assert submit(alice, model=str(other.pk)).model == other


def test_more_work_costs_more(alice: User, submit: Submit) -> None:
    plain = submit(alice, width=256, height=256).cost_tflop
    assert submit(alice, width=512, height=512).cost_tflop > 3 * plain
    assert submit(alice, width=256, height=256, steps=8).cost_tflop > 1.5 * plain
    assert submit(alice, width=256, height=256, batch_size=4).cost_tflop == pytest.approx(4 * plain)
    assert submit(alice, width=256, height=256, cfg_scale=1.0).cost_tflop < plain
    assert submit(alice, width=256, height=256, prompt="a AND b AND c").cost_tflop > 1.5 * plain


@pytest.mark.parametrize(
    ("params", "code", "field"),
    [
        ({"prompt": "x" * 10_001}, "invalid_input", "prompt"),
        ({"negative_prompt": "x" * 10_001}, "invalid_input", "negative_prompt"),
        ({"prompt": 5}, "invalid_input", "prompt"),
        ({"prompt": None}, "invalid_input", "prompt"),
        ({"prompt": "a\x00b"}, "invalid_input", "prompt"),
        ({"width": 513}, "invalid_input", "width"),
        ({"width": "512"}, "invalid_input", "width"),
        ({"width": True}, "invalid_input", "width"),
        ({"height": 2056}, "invalid_input", "height"),
        ({"steps": 0}, "invalid_input", "steps"),
        ({"steps": 151}, "invalid_input", "steps"),
        ({"steps": 2.5}, "invalid_input", "steps"),
        ({"cfg_scale": math.nan}, "invalid_input", "cfg_scale"),
        ({"cfg_scale": math.inf}, "invalid_input", "cfg_scale"),
        ({"cfg_scale": -1}, "invalid_input", "cfg_scale"),
        ({"seed": 2**32}, "invalid_input", "seed"),
        ({"seed": -2}, "invalid_input", "seed"),
        ({"seed": math.nan}, "invalid_input", "seed"),
        ({"batch_size": 9}, "invalid_input", "batch_size"),
        ({"clip_skip": 13}, "invalid_input", "clip_skip"),
        ({"task": "video"}, "invalid_input", "task"),
        ({"prompt": "(" * 65}, "invalid_request", "prompt"),
        ({"negative_prompt": "(fox:1001)"}, "invalid_request", "negative_prompt"),
        ({"prompt": "a AND b:-1", "cfg_scale": 1.0}, "invalid_request", "prompt"),
        ({"prompt": "a <lora:ghibli:0.8>"}, "unknown_model", "prompt"),
        ({"sampler": "Magic"}, "unknown_sampler", "sampler"),
        ({"scheduler": "Magic"}, "unknown_schedule", "scheduler"),
        ({"model": "no such model"}, "unknown_model", "model"),
    ],
)
def test_refuses_and_stores_nothing(
    alice: User, submit: Submit, params: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(PortalError) as refused:
        submit(alice, **params)
    assert refused.value.code == code
    assert field in refused.value.fields
    assert field in refused.value.message or refused.value.fields[field]
    assert refused.value.status == 422
    assert not Job.objects.exists()


def test_takes_what_the_predecessor_sends_for_features_that_are_off(alice: User, submit: Submit) -> None:
    job = submit(
        alice,
        loras=[],
        freeu_beta=0,
        pag_scale=0,
        clip_skip=0,
        controlnet=None,
        image=None,
        mask=None,
        strength=0.75,
        sampler="euler",
        scheduler="normal",
    )
    assert job.params["sampler"] == "Euler"


def test_without_a_model_it_says_whom_to_ask(alice: User) -> None:
    with pytest.raises(PortalError) as refused:
        services.job_submit(user=alice, request=generate_in({"prompt": "a"}))
    assert refused.value.code == "unknown_model"


class TestIdempotency:
    def test_the_same_key_gives_the_same_job(self, alice: User, submit: Submit) -> None:
        assert submit(alice, key="k").pk == submit(alice, key="k").pk
        assert Job.objects.count() == 1

    def test_says_which_call_made_it(self, alice: User, model: ModelFile) -> None:
        request = generate_in({"prompt": "a"})
        first = services.job_submit(user=alice, request=request, idempotency_key="k")
        again = services.job_submit(user=alice, request=request, idempotency_key="k")
        assert (first.created, again.created) == (True, False)

    def test_keys_of_two_people_are_apart(self, alice: User, bob: User, submit: Submit) -> None:
        assert submit(alice, key="k").pk != submit(bob, key="k").pk

    def test_without_a_key_every_call_is_a_job(self, alice: User, submit: Submit) -> None:
        assert submit(alice).pk != submit(alice).pk

    @pytest.mark.parametrize("key", ["x" * 201, "a\x00b", "line\nbreak"])
    def test_a_bad_key_is_refused(self, alice: User, submit: Submit, key: str) -> None:
        with pytest.raises(PortalError, match="idempotency key"):
            submit(alice, key=key)


@pytest.mark.django_db(transaction=True)
def test_eight_threads_with_one_key_make_one_job(alice: User, submit: Submit) -> None:
    made: list[Job] = []
    gate = threading.Barrier(8)

    def press() -> None:
        gate.wait()
        try:
            made.append(submit(alice, key="double click"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len({job.pk for job in made}) == 1
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
class TestForecast:
    """The queue is looked at once for a submission, for those who are told of the job and for the answer."""

    @pytest.fixture
    def told(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What sockets are told of jobs."""
        told: list[Any] = []
        monkeypatch.setattr(events, "send_to_user", lambda _user, message, **_how: told.append(message))
        return told

    def test_over_http(self, alice_client: Client, bob: User, submit: Submit, told: list[Any]) -> None:
        submit(bob)
        told.clear()
        with CaptureQueriesContext(connection) as queries:
            answer = alice_client.post("/api/v1/jobs", {"prompt": "a"}, content_type="application/json")
        assert (answer.status_code, answer.json()["position"]) == (202, 2)
        (message,) = told
        assert [message["data"][name] for name in ("id", "position")] == [answer.json()["id"], 2]
        assert looks(queries) == 1

    def test_over_the_socket(self, alice: User, bob: User, submit: Submit, told: list[Any]) -> None:
        submit(bob)
        told.clear()
        asked = actions.Incoming.model_validate({"action": "generate", "params": {"prompt": "a"}})
        with CaptureQueriesContext(connection) as queries:
            answers = actions.perform(actions.Connection(user=alice, channel="c"), asked)
        assert told == answers
        assert looks(queries) == 1


def looks(queries: CaptureQueriesContext) -> int:
    """How often everybody's waiting jobs were ranked."""
    return sum("ROW_NUMBER()" in query["sql"] for query in queries)
