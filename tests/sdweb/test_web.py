"""What every answer carries, health, and the front end's files."""

import asyncio
import hashlib
import logging
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.cache import cache
from django.test import AsyncClient, Client
from redis.exceptions import ConnectionError as RedisConnectionError

from sdweb import health, pages
from sdweb.pagination import keyset_page
from sdweb.static import inline_script_hashes
from tests.factories import WorkerFactory

pytestmark = pytest.mark.django_db

ROOT: Final = Path(__file__).resolve().parents[2]


class TestHealth:
    def test_the_process(self, anonymous_client: Client) -> None:
        assert anonymous_client.get("/healthz").json() == {"status": "ok"}

    def test_not_ready_without_a_gpu_worker(self, anonymous_client: Client) -> None:
        response = anonymous_client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"] == {
            "database": True,
            "redis": True,
            "storage": True,
            "workers": False,
        }

    def test_ready_with_one(self, anonymous_client: Client) -> None:
        WorkerFactory.create()
        response = anonymous_client.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (200, "ok")

    def test_a_probe_that_comes_too_early_is_no_error(
        self, anonymous_client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        anonymous_client.get("/readyz")
        assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
            ("INFO", "Not ready yet: workers")
        ]

    def test_names_what_is_broken(self, anonymous_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def gone() -> bool:
            raise RedisConnectionError("refused")

        monkeypatch.setitem(health.CHECKS, "redis", gone)
        response = anonymous_client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"]["redis"] is False


class TestHeaders:
    def test_the_policy_is_strict_for_the_portal(self, anonymous_client: Client) -> None:
        policy = anonymous_client.get("/healthz")["Content-Security-Policy"]
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert "unsafe" not in scripts

    def test_and_wider_for_the_admin_alone(self, anonymous_client: Client) -> None:
        assert "unsafe-eval" in anonymous_client.get("/admin/login/")["Content-Security-Policy"]

    def test_nothing_is_sniffed_or_framed_by_others(self, anonymous_client: Client) -> None:
        response = anonymous_client.get("/healthz")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"

    def test_redis_away_is_a_clear_answer(
        self, anonymous_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(*_args: object, **_kwargs: object) -> None:
            raise RedisConnectionError("refused")

        monkeypatch.setattr(type(cache._connections["default"]), "get", gone)  # type: ignore[attr-defined]
        monkeypatch.setattr(type(cache._connections["default"]), "add", gone)  # type: ignore[attr-defined]
        response = anonymous_client.post(
            "/_allauth/browser/v1/auth/login",
            {"username": "a", "password": "b"},
            content_type="application/json",
        )
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")


class TestUnknownAddresses:
    BROWSER: Final = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

    @pytest.mark.parametrize(
        ("asked", "led_to"),
        [
            ("/status", "/#/status"),
            ("/status/", "/#/status"),
            ("/gallery?q=a%20cat", "/#/gallery?q=a%20cat"),
            ("/settings/security", "/#/settings/security"),
            ("/reset-password/3-abc", "/#/reset-password/3-abc"),
            ("/confirm-email/MQ:1abc:x_-Y", "/#/confirm-email/MQ:1abc:x_-Y"),
        ],
    )
    def test_a_page_of_the_interface_without_its_mark(
        self, anonymous_client: Client, asked: str, led_to: str
    ) -> None:
        answer = anonymous_client.get(asked, headers=self.BROWSER)
        assert (answer.status_code, answer["Location"]) == (302, led_to)

    def test_every_page_of_the_interface_is_known(self) -> None:
        router = (ROOT / "frontend/src/router.tsx").read_text(encoding="utf-8")
        paths = [path for path in re.findall(r"path: '(.*)'", router) if path not in ("/", "$")]
        assert len(paths) > 5
        for path in paths:
            assert pages.INTERFACE.fullmatch(re.sub(r"\$\w+", "x", path)), path

    @pytest.mark.parametrize(
        "asked",
        [
            "/nowhere",
            "/statuses",
            "/settings/a/b",
            "/admin-page",
            "//evil.example",
            "//evil.example/status",
            "///evil.example/status",
            "/status\r\nX: y",
            "/\\evil.example",
        ],
    )
    def test_anything_else_is_a_page_with_a_way_home(self, anonymous_client: Client, asked: str) -> None:
        answer = anonymous_client.get("/", PATH_INFO=asked, headers=self.BROWSER)  # as it is, not taken apart
        assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
        page = answer.content.decode()
        assert '<a href="/">Go to the portal</a>' in page
        assert "evil" not in page
        assert not re.search(r"<script(?! src=)| on\w+=", page)  # the policy would not let them run
        assert "Accept" in answer["Vary"]

    @pytest.mark.parametrize(
        "asked", ["/sdapi/v1/x", "/v1/models", "/ws", "/static/x.css", "/assets/x.js", "/outputs/x.png"]
    )
    def test_what_programs_ask_for_is_told_shortly(self, anonymous_client: Client, asked: str) -> None:
        answer = anonymous_client.get(asked, headers=self.BROWSER)
        assert answer.status_code == 404
        assert b"portal" not in answer.content

    def test_so_are_programs_that_ask_for_a_page(self, anonymous_client: Client) -> None:
        for ask in (anonymous_client.get, anonymous_client.post):
            answer = ask("/status", headers={"accept": "*/*"})
            assert answer.status_code == 404
            assert b"portal" not in answer.content
        assert anonymous_client.post("/status", headers=self.BROWSER).status_code == 404

    def test_the_api_speaks_its_own_language(self, anonymous_client: Client) -> None:
        for path in ("/api/nowhere", "/api/v1/status"):
            answer = anonymous_client.get(path, headers=self.BROWSER)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


class TestFrontEnd:
    @pytest.fixture
    def dist(self, tmp_path: Path, settings: Any) -> Iterator[Path]:
        """A built front end."""
        (tmp_path / "assets").mkdir()
        (tmp_path / "assets/app-1a2b3c.js").write_text("run()", encoding="utf-8")
        (tmp_path / "index.html").write_text("<script>theme()</script><p>portal</p>", encoding="utf-8")
        settings.FRONTEND_DIST = settings.SERVESTATIC_ROOT = tmp_path
        return iter([tmp_path])

    def test_without_one_the_page_says_how_to_build_it(self, anonymous_client: Client, settings: Any) -> None:
        settings.SERVESTATIC_ROOT = None
        response = anonymous_client.get("/")
        assert response.status_code == 503
        assert "npm run build" in response.content.decode()

    @pytest.mark.usefixtures("dist")
    def test_is_served_at_the_root(self) -> None:
        page = asyncio.run(fetch("/"))
        assert "portal" in page["body"]
        assert page["headers"]["Cache-Control"] == "no-cache"
        digest = b64encode(hashlib.sha256(b"theme()").digest()).decode()
        assert f"'sha256-{digest}'" in page["headers"]["Content-Security-Policy"]

    @pytest.mark.usefixtures("dist")
    def test_hashed_files_may_be_kept(self) -> None:
        asset = asyncio.run(fetch("/assets/app-1a2b3c.js"))
        assert "immutable" in asset["headers"]["Cache-Control"]
        assert asset["headers"]["Content-Type"].startswith("text/javascript")

    def test_scripts_with_a_source_need_no_hash(self, tmp_path: Path) -> None:
        page = tmp_path / "index.html"
        page.write_text('<script type="module" src="/a.js"></script>', encoding="utf-8")
        assert inline_script_hashes(page) == ()
        assert inline_script_hashes(tmp_path / "missing.html") == ()


async def fetch(path: str) -> dict[str, Any]:
    response = await AsyncClient().get(path)
    if response.streaming:
        body = b"".join([part async for part in response.streaming_content])  # type: ignore[attr-defined]
    else:
        body = response.content
    return {"body": body.decode(), "headers": response.headers}


def test_the_admins_own_files_are_served_without_collecting_them(anonymous_client: Client) -> None:
    assert anonymous_client.get("/static/unfold/css/styles.css").status_code == 200


def test_a_page_size_is_clamped(alice: Any) -> None:
    from sdweb.accounts.models import User

    rows, cursor = keyset_page(User.objects.all(), None, 0)
    assert (len(rows), cursor) == (1, None)
