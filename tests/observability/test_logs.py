"""Lines and JSON: what is being worked on is in them, secrets and prompts are not."""

import io
import json
import logging
import uuid
from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from sdweb.accounts.models import ApiToken, User
from sdweb.accounts.tokens import token_create
from sdweb.observability.context import log_context
from sdweb.observability.logs import JsonFormatter, LineFormatter, log_config, redacted
from tests.factories import ModelFileFactory

LINE = "{levelname} {name}: {message}{context}"


@pytest.fixture
def log() -> Iterator[Callable[[], str]]:
    """Everything that is logged meanwhile, as JSON."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream.getvalue
    root.removeHandler(handler)
    root.setLevel(level)


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("sdweb.test", logging.WARNING, __file__, 1, message, args, None)


def test_a_line_says_what_is_being_worked_on() -> None:
    job = uuid.uuid4()
    with log_context(job_id=job, user_id=3):
        line = LineFormatter(LINE, style="{").format(record("It took %d s.", 4))
    assert line == f"WARNING sdweb.test: It took 4 s. job_id={job} user_id=3"
    assert LineFormatter(LINE, style="{").format(record("Later.")) == "WARNING sdweb.test: Later."


def test_json_is_one_object_a_line() -> None:
    with log_context(job_id="j"):
        text = JsonFormatter().format(record('Two\nlines and "quotes"'))
    assert "\n" not in text
    entry = json.loads(text)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "level": "warning", "logger": "sdweb.test", "message": 'Two\nlines and "quotes"', "job_id": "j",
    }  # fmt: skip


@pytest.mark.parametrize("form", ["line", "json"])
def test_every_process_can_use_either(form: str) -> None:
    config = log_config(form, "INFO")
    assert config["handlers"]["stderr"]["formatter"] == form


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("redis://:hunter2@host/0 is away", "redis://:***@host/0 is away"),
        ("postgres://me:hunter2@db/x", "postgres://me:***@db/x"),
        ("Authorization: Bearer hunter2", "Authorization: Bearer ***"),
        ("token sdw_abc123_hunter2", "token sdw_abc123_***"),
        ('{"password": "hunter2", "name": "x"}', '{"password": "***", "name": "x"}'),
        ("/outputs/x.png?signature=hunter2&download=1", "/outputs/x.png?signature=***&download=1"),
        ("Not Found: /api/v1/me", "Not Found: /api/v1/me"),
    ],
)  # fmt: skip
def test_secrets_are_taken_out(text: str, kept: str) -> None:
    assert redacted(text) == kept


@pytest.mark.django_db
class TestRequests:
    @pytest.mark.parametrize("given", ["abcdef-1234567", "0192e4a0-0000-7000-8000-000000000000"])
    def test_a_sane_id_of_a_proxy_is_kept(self, anonymous_client: Client, given: str) -> None:
        answer = anonymous_client.get("/healthz", headers={"X-Request-ID": given})
        assert answer["X-Request-ID"] == given

    @pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space 123", "<script>alert(1)"])
    def test_another_is_replaced(self, anonymous_client: Client, given: str) -> None:
        answer = anonymous_client.get("/healthz", headers={"X-Request-ID": given})
        assert uuid.UUID(answer["X-Request-ID"]).version == 7

    def test_its_lines_say_the_id_and_the_person(
        self, alice: User, alice_client: Client, log: Callable[[], str]
    ) -> None:
        path = f"/api/v1/images/{uuid.uuid4()}"
        alice_client.get(path, headers={"X-Request-ID": "request-12345"})
        lines = [json.loads(line) for line in log().splitlines()]
        (found,) = [line for line in lines if line["logger"] == "django.request"]
        assert (found["request_id"], found["user_id"]) == ("request-12345", alice.pk)

    def test_no_prompt_no_password_no_token(
        self, alice: User, alice_client: Client, log: Callable[[], str]
    ) -> None:
        ModelFileFactory.create(name="demo", is_default=True)
        token = token_create(user=alice, name="t", scopes=list(ApiToken.Scope)).secret
        bodies = [
            {"prompt": "zebracorn in the rain", "steps": 4},
            {"prompt": "zebracorn in the rain", "steps": -4, "model": "nowhere"},
        ]
        statuses = [
            alice_client.post("/api/v1/jobs", body, content_type="application/json").status_code
            for body in bodies
        ]
        assert statuses == [202, 422]
        program = Client(headers={"Authorization": f"Bearer {token}"})
        assert program.get("/api/v1/images?q=zebracorn").status_code == 200
        assert program.get("/api/v1/nowhere?q=zebracorn").status_code == 404
        form = {"username": "alice", "password": "zebracorn-password"}
        program = Client()
        program.post("/_allauth/browser/v1/auth/login", form, content_type="application/json")
        written = log()
        assert "/api/v1/nowhere" in written
        assert "zebracorn" not in written
        assert token.rpartition("_")[2] not in written
