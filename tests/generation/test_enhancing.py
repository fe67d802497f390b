"""Prompt enhancement over HTTP: as somebody, as nobody, and with bad input."""

from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from kombu.exceptions import OperationalError
from pytest_django import Settings

from generation import continuing, tasks
from generation.engine import language_models
from generation.engine.spec import MAX_PROMPT_LENGTH
from generation.models import Job
from models_hub.models import ModelFile
from models_hub.services import library_scan
from tests.engine.tiny_language import LINES, gpt2_write
from tests.factories import WorkerFactory

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
    assert answer["source"] == "embedded"
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


# --- With a language model
# ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a small real language model in it."""
    folder = tmp_path_factory.mktemp("models")
    gpt2_write(folder / "Magic")
    return folder


@pytest.fixture
def magic(db: None, models_folder: Path, tmp_path: Path, settings: Settings) -> ModelFile:
    """The language model, as the library takes it in."""
    settings.MODELS_PATH = models_folder
    library_scan(builtin_root=tmp_path)
    return ModelFile.objects.get(kind="language_model")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A GPU worker that is up, in this process; the broker is left out."""
    questions: list[tuple[Any, ...]] = []

    def answer(arguments: tuple[Any, ...], **options: Any) -> None:
        questions.append(arguments)
        assert options["expires"] == continuing.WAIT_SECONDS
        tasks.continue_prompt(*arguments)

    monkeypatch.setattr(tasks.continue_prompt, "apply_async", answer)
    WorkerFactory.create()
    return questions


def test_a_language_model_that_is_installed_is_asked(
    alice_client: Client, magic: ModelFile, asked: list[tuple[Any, ...]]
) -> None:
    answers = [post(alice_client, {"prompt": " a cat, ", "seed": seed}).json() for seed in range(4)]
    assert {answer["source"] for answer in answers} == {"Magic"}
    for answer in answers:
        assert answer["prompt"] == ", ".join(["a cat", *answer["added"]])
        assert (answer["original"], answer["language"]) == (" a cat, ", "en")
    learnt = {phrase for line in LINES for phrase in line.split(", ")[1:]}
    assert any(set(answer["added"]) <= learnt for answer in answers)
    assert asked[0][1:] == (str(magic.pk), " a cat, ", 0)
    assert post(alice_client, {"prompt": " a cat, ", "seed": 2}).json() == answers[2]


@pytest.mark.parametrize(
    ("body", "questions"),
    [({"prompt": "a cat", "model": "embedded"}, 0), ({"prompt": "кіт на даху"}, 0)],
)
def test_the_model_is_not_asked_for_nothing(
    alice_client: Client, magic: ModelFile, asked: list[tuple[Any, ...]], body: Any, questions: int
) -> None:
    answer = post(alice_client, body).json()
    assert (answer["source"], bool(answer["added"])) == ("embedded", True)
    assert len(asked) == questions


def test_the_embedded_enhancer_answers_where_the_model_has_nothing_to_say(
    alice_client: Client,
    magic: ModelFile,
    asked: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(language_models, "MAX_SECONDS", 0.0)
    answer = post(alice_client, {"prompt": "a cat", "model": "magic"}).json()
    assert (answer["source"], bool(answer["added"]), len(asked)) == ("embedded", True, 1)


def test_a_model_that_is_not_there_is_named(alice_client: Client, magic: ModelFile) -> None:
    response = post(alice_client, {"prompt": "a cat", "model": "other"})
    assert (response.status_code, response.json()["code"]) == (422, "unknown_model")
    assert "Magic" in response.json()["hint"]


def test_nobody_waits_for_workers_that_are_away(alice_client: Client, magic: ModelFile) -> None:
    assert post(alice_client, {"prompt": "a cat"}).json()["source"] == "embedded"


def test_nobody_waits_for_ever(
    alice_client: Client, magic: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    WorkerFactory.create()
    monkeypatch.setattr(continuing, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(tasks.continue_prompt, "apply_async", lambda *_args, **_options: None)
    assert post(alice_client, {"prompt": "a cat"}).json()["source"] == "embedded"


def test_a_broker_that_is_away_is_no_error(
    alice_client: Client, magic: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_options: Any) -> None:
        raise OperationalError("no Redis")

    WorkerFactory.create()
    monkeypatch.setattr(tasks.continue_prompt, "apply_async", away)
    assert post(alice_client, {"prompt": "a cat"}).json()["source"] == "embedded"


@pytest.mark.parametrize("fault", ["missing", "disabled", "broken", "busy"])
def test_a_worker_that_cannot_answer_says_so_at_once(
    magic: ModelFile, tmp_path: Path, settings: Settings, fault: str
) -> None:
    continuing._loaded.clear()
    if fault in ("missing", "broken"):
        settings.MODELS_PATH = tmp_path
    if fault == "broken":
        (tmp_path / magic.path).mkdir()
        (tmp_path / magic.path / "model.safetensors").write_bytes(b"\0" * 40)
    if fault == "disabled":
        ModelFile.objects.update(enabled=False)
    if fault == "busy":
        continuing._one_at_a_time.acquire()
    try:
        continuing.continuation_answer("q", str(magic.pk), "a cat", 1)
    finally:
        if fault == "busy":
            continuing._one_at_a_time.release()
    assert cache.get("continuation:q") == []
