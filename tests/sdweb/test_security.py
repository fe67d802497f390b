"""What docs/security.md promises of every answer and of an installation in production."""

import http.client
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from sdweb.launcher.machine import free_port
from sdweb.launcher.paths import ROOT
from sdweb.middleware import SecurityHeadersMiddleware
from tests.integration.portal import eventually


def production(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a portal behind TLS."""
    return {
        "PATH": os.environ["PATH"],
        "SDWEB_PROFILE": "production",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SDWEB_PUBLIC_URL": "https://pictures.example.org",
        "SDWEB_DATABASE_URL": "postgres://sdweb:secret@db.example.org/sdweb",
        "SDWEB_DATA_DIR": str(folder),
        **more,
    }


def manage(env: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "manage.py"), *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


class TestProduction:
    def test_djangos_own_check_finds_nothing(self, tmp_path: Path) -> None:
        done = manage(production(tmp_path), "check", "--deploy", "--fail-level", "WARNING")
        assert done.returncode == 0, done.stderr
        assert "2 silenced" in done.stdout + done.stderr

    def test_it_warns_of_sqlite_and_of_plain_http(self, tmp_path: Path) -> None:
        env = production(tmp_path, SDWEB_DATABASE_URL="", SDWEB_PUBLIC_URL="", SDWEB_INSECURE_HTTP="true")
        done = manage(env, "check", "--deploy", "--fail-level", "WARNING")
        assert done.returncode != 0
        assert {"sdweb.W002", "security.W012", "security.W016"} <= set(re.findall(r"[\w.]+W\d+", done.stderr))

    def test_it_does_not_start_on_a_sample(self, tmp_path: Path) -> None:
        done = manage(production(tmp_path, SECRET_KEY="change-me-" * 5), "check")
        assert done.returncode != 0
        assert "SECRET_KEY" in done.stderr

    def test_cookies_are_this_hosts_alone(self, tmp_path: Path) -> None:
        script = (
            "from django.conf import settings as s; import json; print(json.dumps([s.SESSION_COOKIE_NAME,"
            "s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY,"
            "s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS]))"
        )
        done = manage(production(tmp_path), "shell", "--verbosity", "0", "-c", script)
        assert json.loads(done.stdout) == [
            "__Host-sessionid", "__Host-csrftoken", True, True, True, True, 31536000,
        ]  # fmt: skip


@pytest.mark.django_db
class TestAnswers:
    def test_private_ones_are_not_kept(self, alice_client: Client) -> None:
        for path in ("/api/v1/images", "/api/v1/me", "/_allauth/browser/v1/auth/session", "/api/v1/nowhere"):
            assert "no-store" in alice_client.get(path)["Cache-Control"], path

    def test_other_sites_cannot_show_them(self, alice_client: Client, settings: Settings) -> None:
        picture = f"/outputs/{uuid.uuid4()}.png"
        assert alice_client.get(picture)["Cross-Origin-Resource-Policy"] == "same-origin"
        settings.INTERFACE_ELSEWHERE = True
        assert alice_client.get(picture)["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert alice_client.get("/api/v1/me")["Cross-Origin-Resource-Policy"] == "same-origin"

    def test_nobody_frames_them_or_takes_the_camera(self, anonymous_client: Client) -> None:
        answer = anonymous_client.get("/healthz")
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
        assert "camera=()" in answer["Permissions-Policy"]
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"

    @pytest.mark.parametrize(
        ("public", "sources"),
        [
            ("", "'self'"),
            ("https://pictures.example.org", "'self' wss://pictures.example.org"),
            ("http://pictures.example.org:5000", "'self' ws://pictures.example.org:5000"),
        ],
    )
    def test_pages_speak_to_the_portal_alone(self, settings: Settings, public: str, sources: str) -> None:
        settings.PUBLIC_URL = public
        policy = SecurityHeadersMiddleware(lambda request: request).portal_policy
        assert f"connect-src {sources};" in policy

    def test_another_origin_is_let_in_only_where_it_is_named(
        self, anonymous_client: Client, settings: Settings
    ) -> None:
        settings.CORS_ALLOWED_ORIGINS = ["https://ui.example.org"]
        for origin, allowed in (("https://ui.example.org", True), ("https://evil.example.org", False)):
            answer = anonymous_client.get("/api/v1/me", headers={"Origin": origin})
            assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed

    def test_a_write_needs_the_csrf_token(self, alice: Any) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(alice)
        answer = client.post("/api/v1/images/trash", {"ids": []}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


@pytest.mark.django_db
class TestShapes:
    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("delete", "/api/v1/me", 405, "method_not_allowed"),
            ("put", "/api/v1/images", 405, "method_not_allowed"),
            ("get", "/api/v1/nowhere", 404, "not_found"),
            ("get", "/api/v2/me", 404, "not_found"),
            ("post", "/api/v1/images/trash", 400, "invalid_body"),
        ],
    )
    def test_every_refusal_of_the_api(
        self, alice_client: Client, method: str, path: str, status: int, code: str
    ) -> None:
        answer = alice_client.generic(method.upper(), path, data="{", content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json().keys() == {"code", "message", "hint", "fields"}

    def test_a_wrong_method_names_the_right_ones(self, alice_client: Client) -> None:
        assert "GET" in alice_client.delete("/api/v1/me")["Allow"]

    def test_a_wrong_host(self, anonymous_client: Client) -> None:
        answer = anonymous_client.get("/api/v1/me", headers={"Host": "evil.example.org"})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")

    def test_a_fault_of_the_server(self, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(**_kwargs: object) -> None:
            raise ZeroDivisionError("a secret detail")

        monkeypatch.setattr("gallery.selectors.image_list", broken)
        client = Client(raise_request_exception=False)
        client.force_login(alice)
        answer = client.get("/api/v1/images")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "secret" not in answer.content.decode()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The web process alone, with uploads of 1 MiB; returns its port."""
    port, folder = free_port(), tmp_path_factory.mktemp("web")
    outer = {name: value for name, value in os.environ.items() if not name.startswith("SDWEB_")}
    env = {
        **outer,
        "SDWEB_DATA_DIR": str(folder),
        "SDWEB_UPLOAD_MAX_MB": "1",
        "TMPDIR": str(folder),
    }
    command = [sys.executable, "-m", "daphne", "-p", str(port), "--verbosity", "0", "sdweb.asgi:application"]
    process = subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.DEVNULL)
    eventually(lambda: answers(port), seconds=120, what="the web process")
    yield port
    process.terminate()
    process.wait()


def answers(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False


LARGEST = 9 * 2**20


@pytest.mark.integration
class TestBodies:
    """daphne spools a body before Django hears of it, so these are tried on the real server."""

    def test_one_that_says_it_is_too_large_is_refused_before_it_comes(self, web: int) -> None:
        with socket.create_connection(("127.0.0.1", web), timeout=30) as connection:
            connection.sendall(
                b"POST /api/v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10737418240\r\n\r\n"
            )
            assert connection.recv(64).startswith(b"HTTP/1.1 413 ")
        assert answers(web)

    def test_one_in_chunks_is_refused_when_it_is_too_large(self, web: int) -> None:
        with socket.create_connection(("127.0.0.1", web), timeout=30) as connection:
            connection.sendall(
                b"POST /api/v1/uploads HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for _ in range(LARGEST // 2**20 + 1):
                connection.sendall(b"100000\r\n" + bytes(2**20) + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.status == 413
            assert json.loads(answer.read())["code"] == "body_too_large"
            assert connection.recv(1) == b""
        assert answers(web)

    def test_who_goes_on_is_cut_off(self, web: int) -> None:
        with socket.create_connection(("127.0.0.1", web), timeout=30) as connection:
            connection.sendall(
                b"POST /api/v1/uploads HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
            with pytest.raises(OSError, match=r"reset|[Bb]roken"):
                connection.sendall(chunk * (10 * LARGEST // 2**20))
        assert answers(web)

    def test_one_that_fits_goes_through(self, web: int) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", web, timeout=60)) as connection:
            connection.request("POST", "/_allauth/nowhere", body=bytes(LARGEST - 2**20))
            assert connection.getresponse().status in {403, 404, 413}
