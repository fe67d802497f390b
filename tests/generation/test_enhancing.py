"""Prompt enhancement over HTTP: as somebody, as nobody, and with bad input."""

from typing import Any

import pytest
from django.test import Client

from generation.engine.spec import MAX_PROMPT_LENGTH
from generation.models import Job

pytestmark = pytest.mark.django_db


def post(client: Client, body: Any) -> Any:
    return client.post("/api/v1/prompts/enhance", body, content_type="application/json")


def test_the_answer_begins_with_the_persons_words(alice_client: Client) -> None:
    response = post(alice_client, {"prompt": "a cat", "seed": 7})
    assert response.status_code == 200
    answer = response.json()
    assert answer["prompt"] == ", ".join(["a cat", *answer["added"]])
    assert len(answer["added"]) > 3
    assert (answer["original"], answer["language"], answer["seed"]) == ("a cat", "en", 7)
    assert post(alice_client, {"prompt": "a cat", "seed": 7}).json() == answer


def test_without_a_seed_it_varies(alice_client: Client) -> None:
    assert len({post(alice_client, {"prompt": "a cat"}).json()["prompt"] for _ in range(12)}) > 1


def test_nobody_may_not(anonymous_client: Client) -> None:
    assert post(anonymous_client, {"prompt": "a cat"}).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": " , "}, "prompt"),
        ({"prompt": "x" * (MAX_PROMPT_LENGTH + 1)}, "prompt"),
        ({"prompt": "a\x00b"}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({}, "prompt"),
        ({"prompt": "a", "seed": -1}, "seed"),
        ({"prompt": "a", "seed": "1"}, "seed"),
        ({"prompt": "a", "seed": 2**32}, "seed"),
    ],
    ids=["empty", "punctuation", "long", "nul", "number", "nothing", "negative", "text seed", "large seed"],
)
def test_bad_input_is_named(alice_client: Client, body: Any, field: str) -> None:
    response = post(alice_client, body)
    assert response.status_code == 422
    assert field.removeprefix("") in response.json()["fields"]
    assert not Job.objects.exists()
