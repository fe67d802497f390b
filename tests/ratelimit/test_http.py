"""The limit on HTTP, through the real middleware."""

import re
import uuid
from collections.abc import Iterator
from hashlib import sha256

import pytest
from django.test import Client
from pytest_django import Settings

from sdweb.accounts.models import ApiToken, User
from sdweb.ratelimit.limiter import limiter
from sdweb.ratelimit.rates import OFF, Rate

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _three_a_minute(settings: Settings) -> Iterator[None]:
    settings.RATE_LIMIT = Rate(3, 60)
    settings.PICTURE_RATE_LIMIT = Rate(5, 60)
    limiter.cache_clear()
    yield
    limiter.cache_clear()


def statuses(client: Client, path: str, times: int) -> list[int]:
    return [client.get(path).status_code for _ in range(times)]


def test_beyond_the_limit_one_is_told_to_wait(alice_client: Client) -> None:
    assert statuses(alice_client, "/api/v1/images", 4) == [200, 200, 200, 429]
    refused = alice_client.get("/api/v1/images")
    assert refused.json().keys() == {"code", "message", "hint", "fields"}
    assert refused.json()["code"] == "too_many_requests"
    assert 1 <= int(refused["Retry-After"]) <= 61
    assert refused["RateLimit-Policy"] == '"requests";q=3;w=60'
    assert re.fullmatch(r'"requests";r=0;t=\d+', refused["RateLimit"])
    assert refused["Cache-Control"] == "no-store"


def test_everybody_is_told_what_is_left(alice_client: Client) -> None:
    told = [alice_client.get("/api/v1/me")["RateLimit"] for _ in range(3)]
    assert [text.split(";")[1] for text in told] == ["r=2", "r=1", "r=0"]


def test_a_person_is_one_client_wherever_they_are(
    alice: User, alice_client: Client, bob_client: Client
) -> None:
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    elsewhere.force_login(alice)
    assert statuses(alice_client, "/api/v1/me", 3) == [200, 200, 200]
    assert elsewhere.get("/api/v1/me").status_code == 429
    assert bob_client.get("/api/v1/me").status_code == 200


def test_without_an_account_it_is_the_address(anonymous_client: Client, alice_client: Client) -> None:
    assert statuses(anonymous_client, "/api/v1/me", 4) == [200, 200, 200, 429]
    assert Client(REMOTE_ADDR="192.0.2.8").get("/api/v1/me").status_code == 200
    assert alice_client.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    "path", ["/_allauth/browser/v1/config", "/admin/login/", "/api/v1/nowhere", "/nowhere"]
)
def test_every_door_counts(anonymous_client: Client, path: str) -> None:
    assert 429 not in statuses(anonymous_client, path, 3)
    assert anonymous_client.get(path).status_code == 429


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/unfold/css/styles.css"])
def test_health_and_files_do_not(anonymous_client: Client, path: str) -> None:
    assert 429 not in statuses(anonymous_client, path, 10)


def test_pictures_have_a_budget_of_their_own(alice_client: Client) -> None:
    picture = f"/outputs/{uuid.uuid4()}.webp"
    assert statuses(alice_client, picture, 6) == [404] * 5 + [429]
    assert alice_client.get("/api/v1/me").status_code == 200


def test_0_is_no_limit(alice_client: Client, settings: Settings) -> None:
    settings.RATE_LIMIT = OFF
    response = [alice_client.get("/api/v1/me") for _ in range(10)][-1]
    assert response.status_code == 200
    assert "RateLimit" not in response


def test_too_many_attempts_to_sign_in_are_told_in_our_words(
    anonymous_client: Client, settings: Settings
) -> None:
    settings.RATE_LIMIT = OFF
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    form = {"username": "alice", "password": "wrong"}
    address = "/_allauth/browser/v1/auth/login"
    answers = [anonymous_client.post(address, form, content_type="application/json") for _ in range(2)]
    assert answers[1].status_code == 429
    assert answers[1].json()["code"] == "too_many_requests"
    assert int(answers[1]["Retry-After"]) > 0


def test_a_token_is_its_person(alice: User, alice_client: Client) -> None:
    token = "sdw_abcdef0123_" + "x" * 43
    ApiToken.objects.create(
        user=alice, name="program", prefix="abcdef0123", digest=sha256(token.encode()).hexdigest()
    )
    program = Client(headers={"Authorization": f"Bearer {token}"}, REMOTE_ADDR="192.0.2.9")
    stranger = Client(headers={"Authorization": f"Bearer {token}y"}, REMOTE_ADDR="192.0.2.10")
    assert 429 not in statuses(program, "/api/v1/images", 3)
    assert alice_client.get("/api/v1/me").status_code == 429
    assert stranger.get("/api/v1/me").status_code != 429
