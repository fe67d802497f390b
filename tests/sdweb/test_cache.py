"""The cache while Redis is away: attempts are counted all the same."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

from sdweb import cache as module
from sdweb.accounts.models import User
from sdweb.cache import RedisOrOwnCache
from sdweb.launcher.machine import free_port
from tests.factories import PASSWORD


@pytest.fixture
def _redis_is_away(settings: Any) -> Iterator[None]:
    away = {
        "BACKEND": "sdweb.cache.RedisOrOwnCache",
        "LOCATION": f"redis://127.0.0.1:{free_port()}/0",
        "KEY_PREFIX": "test",
        "OPTIONS": {"socket_connect_timeout": 1},
    }
    settings.CACHES = {"default": away, "redis": away}
    caches["default"].clear()
    yield
    caches["default"].clear()


@pytest.mark.usefixtures("_redis_is_away")
def test_values_are_kept_here_meanwhile() -> None:
    own = caches["default"]
    assert isinstance(own, RedisOrOwnCache)
    assert own.add("a", 1)
    assert not own.add("a", 2)
    assert own.incr("a") == 2
    own.set("b", [1.5])
    assert (own.get("b"), own.get("c", "none"), "b" in own) == ([1.5], "none", True)
    assert own.touch("b", 60)
    assert own.get_many(["a", "b"]) == {"a": 2, "b": [1.5]}
    assert own.delete("b")
    assert own.get("b") is None
    with pytest.raises(ValueError, match="c"):
        own.incr("c")


@pytest.mark.usefixtures("_redis_is_away")
def test_a_server_that_is_away_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    cache: Any = caches["default"]
    asked = []

    class Shared:
        def get(self, *_arguments: Any, **_options: Any) -> None:
            asked.append(1)
            raise RedisConnectionError

    monkeypatch.setattr(cache, "shared", Shared())
    monkeypatch.setattr(module, "_away_until", {})
    for _ in range(5):
        assert cache.get("a") is None
    assert len(asked) == 1
    monkeypatch.setattr(module, "_away_until", {cache.server: 0.0})
    cache.get("a")
    assert len(asked) == 2


@pytest.mark.django_db
@pytest.mark.usefixtures("_redis_is_away")
def test_people_sign_in_and_guessing_is_still_stopped(alice: User) -> None:
    def attempt(password: str) -> Any:
        form = {"username": "alice", "password": password}
        return Client().post("/_allauth/browser/v1/auth/login", form, content_type="application/json")

    assert attempt(PASSWORD).status_code == 200
    for _ in range(5):
        attempt("wrong")
    assert attempt(PASSWORD).json()["errors"][0]["code"] == "too_many_login_attempts"
