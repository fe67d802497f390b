"""Bad input on the real socket: one clear error each, the connection alive, nothing stored."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.portal import Person, Portal, params_of

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def person(portal: Portal) -> Iterator[Person]:
    """One for all: nothing of theirs may be stored, and registrations are limited in number."""
    somebody = Person.new(portal)
    yield somebody
    somebody.http.close()


BAD_PARAMS: dict[str, tuple[dict[str, Any], str]] = {
    "prompt of 10,001 characters": ({"prompt": "x" * 10_001}, "prompt"),
    "width 513": ({"width": 513}, "width"),
    "unknown sampler": ({"sampler": "Eulerish"}, "sampler"),
    "unknown schedule": ({"scheduler": "sometimes"}, "schedule"),
    "unknown model": ({"model": "no-such-model"}, "model"),
    "wrong type": ({"steps": "twenty"}, "steps"),
    "no steps": ({"steps": 0}, "steps"),
    "a list for a prompt": ({"prompt": ["a", "fox"]}, "prompt"),
    "a switched-on feature that is not there": ({"loras": [{"name": "x", "weight": 1}]}, "loras"),
}


@pytest.mark.parametrize("name", BAD_PARAMS)
def test_bad_parameters(person: Person, name: str) -> None:
    changes, field = BAD_PARAMS[name]
    with person.socket() as socket:
        socket.say(action="generate", params=params_of(**changes), request_id=5)
        error = socket.hear("error", seconds=20)
        _alive(socket)
    assert error["message"]
    assert error["code"]
    assert error["request_id"] == 5
    assert any(field in key for key in error["fields"]), error
    _nothing_stored(person)


BAD_FRAMES: dict[str, str] = {
    "NaN": '{"action": "generate", "params": {"prompt": "a fox", "cfg_scale": NaN}}',
    "infinity": '{"action": "generate", "params": {"prompt": "a fox", "cfg_scale": Infinity}}',
    "broken JSON": '{"action": "generate", "params": {',
    "not an object": "[1, 2, 3]",
    "deep nesting": "[" * 100_000,
    "no action": '{"params": {}}',
    "unknown action": '{"action": "launch_missiles"}',
    "no parameters": '{"action": "generate"}',
    "parameters of a wrong type": '{"action": "generate", "params": 7}',
    "a frame of 30 MB": json.dumps({"action": "generate", "params": {"prompt": "x" * 30_000_000}}),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frames(person: Person, name: str) -> None:
    with person.socket() as socket:
        socket.connection.send(BAD_FRAMES[name])
        error = socket.hear("error", seconds=30)
        _alive(socket)
    assert error["message"]
    assert error["code"]
    _nothing_stored(person)


def test_a_binary_frame(person: Person) -> None:
    with person.socket() as socket:
        socket.connection.send(b"\x00\x01\x02")
        assert socket.hear("error", seconds=20)["code"]
        _alive(socket)


def test_http_answers_in_the_same_words(person: Person) -> None:
    answer = person.post("/api/v1/jobs", params_of(width=513))
    assert answer.status_code == 422
    body = answer.json()
    assert set(body) == {"code", "message", "hint", "fields"}
    assert "width" in body["fields"]
    _nothing_stored(person)


def _alive(socket: Any) -> None:
    """The same connection still answers, and gave one error only."""
    socket.say(action="get_models", request_id="still there")
    assert socket.hear("models", seconds=20)["request_id"] == "still there"
    assert len(socket.of_type("error")) == 1


def _nothing_stored(person: Person) -> None:
    assert person.http.get("/api/v1/jobs").json()["items"] == []
    assert person.images() == []
