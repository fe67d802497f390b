"""API tokens: made, shown once, listed, revoked, and what a request with one may do."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from gallery.models import Image
from sdweb.accounts import tokens
from sdweb.accounts.models import ApiToken, AuditEntry, User
from sdweb.errors import PortalError
from tests.factories import PASSWORD
from tests.gallery.making import image_make

pytestmark = pytest.mark.django_db

Scope = ApiToken.Scope
URL = "/api/v1/me/tokens"
JSON = "application/json"


def made(user: User, *scopes: Scope, days: int | None = None) -> str:
    return tokens.token_create(user=user, name="a script", scopes=scopes or list(Scope), days=days).secret


def with_token(secret: str, **kwargs: Any) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"}, **kwargs)


class TestMaking:
    def test_shows_the_token_once_and_stores_a_digest(self, alice: User, alice_client: Client) -> None:
        body = {"name": " backup ", "scopes": ["read", "gallery", "read"], "expires_in_days": 30}
        answer = alice_client.post(URL, body, content_type=JSON)
        assert answer.status_code == 201
        new = answer.json()
        assert re.fullmatch(rf"sdw_{new['prefix']}_[A-Za-z0-9]{{43}}", new["token"])
        row = ApiToken.objects.get()
        assert (row.user, row.name, row.scopes) == (alice, "backup", ["read", "gallery"])
        assert row.expires_at is not None
        assert timedelta(days=29) < row.expires_at - timezone.now() <= timedelta(days=30)
        secret = new["token"].split("_")[2]
        stored = " ".join(str(getattr(row, field.name)) for field in ApiToken._meta.fields)
        assert secret not in stored
        (listed,) = alice_client.get(URL).json()["items"]
        assert secret not in str(listed)
        assert listed == {name: value for name, value in new.items() if name != "token"}

    def test_no_two_are_alike(self, alice: User) -> None:
        secrets = {made(alice) for _ in range(20)}
        assert len(secrets) == 20

    @pytest.mark.parametrize(
        "body",
        [
            {"name": "", "scopes": ["read"]},
            {"name": "  ", "scopes": ["read"]},
            {"name": "x" * 101, "scopes": ["read"]},
            {"name": "x", "scopes": []},
            {"name": "x", "scopes": ["everything"]},
            {"name": "x", "scopes": ["read"], "expires_in_days": 0},
            {"name": "x", "scopes": ["read"], "expires_in_days": 10_000},
            {"name": "x", "scopes": ["read"], "digest": "mine"},
        ],
        ids=str,
    )
    def test_refuses_what_cannot_be(self, alice_client: Client, body: dict[str, Any]) -> None:
        answer = alice_client.post(URL, body, content_type=JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
        assert not ApiToken.objects.exists()

    def test_has_an_end(self, alice: User, alice_client: Client) -> None:
        for _ in range(tokens.MAX_TOKENS):
            made(alice)
        answer = alice_client.post(URL, {"name": "x", "scopes": ["read"]}, content_type=JSON)
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_tokens")

    def test_is_not_for_nobody(self, anonymous_client: Client) -> None:
        assert anonymous_client.get(URL).status_code == 401
        assert anonymous_client.post(URL, {"name": "x", "scopes": ["read"]}).status_code == 401

    def test_needs_the_csrf_token(self, alice: User) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(alice)
        answer = strict.post(URL, {"name": "x", "scopes": ["read"]}, content_type=JSON)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")

    def test_the_list_has_pages(self, alice: User, bob: User, alice_client: Client) -> None:
        for _ in range(3):
            made(alice)
        made(bob)
        first = alice_client.get(f"{URL}?limit=2").json()
        second = alice_client.get(f"{URL}?limit=2&cursor={first['next_cursor']}").json()
        assert [len(first["items"]), len(second["items"])] == [2, 1]
        assert second["next_cursor"] is None


class TestRevoking:
    def test_ends_it_at_once(self, alice: User, alice_client: Client) -> None:
        client = with_token(made(alice))
        assert client.get("/api/v1/jobs").status_code == 200
        assert alice_client.delete(f"{URL}/{ApiToken.objects.get().pk}").status_code == 204
        answer = client.get("/api/v1/jobs")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")

    def test_is_the_owners(self, alice: User, bob_client: Client, anonymous_client: Client) -> None:
        made(alice)
        token = ApiToken.objects.get()
        assert bob_client.delete(f"{URL}/{token.pk}").status_code == 404
        assert anonymous_client.delete(f"{URL}/{token.pk}").status_code == 401
        assert ApiToken.objects.filter(pk=token.pk).exists()

    def test_both_are_written_down(self, alice: User, alice_client: Client) -> None:
        alice_client.post(URL, {"name": "x", "scopes": ["read"]}, content_type=JSON)
        token = ApiToken.objects.get()
        alice_client.delete(f"{URL}/{token.pk}")
        entries = list(AuditEntry.objects.filter(action__startswith="token.").order_by("id"))
        assert [entry.action for entry in entries] == ["token.made", "token.revoked"]
        for entry in entries:
            assert (entry.actor, entry.target, entry.target_name) == (alice, f"token:{token.pk}", "x")
            assert (entry.via, entry.address) == ("session", "127.0.0.1")
            assert entry.details == {"prefix": token.prefix, "scopes": ["read"], "of": "alice"}


class TestUsing:
    @pytest.mark.parametrize(
        "change",
        [
            lambda secret: secret[:-1] + ("a" if secret[-1] != "a" else "b"),
            lambda secret: secret[:-1],
            lambda secret: secret + "a",
            lambda secret: secret.replace("sdw_", "sdx_"),
            lambda secret: "",
            lambda secret: "sdw_",
            lambda secret: "sdw__",
            lambda secret: "x" * 5000,
            lambda secret: secret.split("_")[1],
        ],
    )
    def test_only_the_very_token_works(self, alice: User, change: Any) -> None:
        client = with_token(change(made(alice)))
        for path in ("/api/v1/jobs", "/api/v1/me"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")

    def test_the_digest_is_no_token(self, alice: User) -> None:
        made(alice)
        token = ApiToken.objects.get()
        with pytest.raises(PortalError, match="unknown, expired or revoked"):
            tokens.token_authenticate(f"sdw_{token.prefix}_{token.digest}")

    def test_ends_on_its_day(self, alice: User) -> None:
        with time_machine.travel("2026-01-01 12:00Z", tick=False) as traveller:
            client = with_token(made(alice, days=2))
            traveller.shift(timedelta(days=2, seconds=-1))
            assert client.get("/api/v1/jobs").status_code == 200
            traveller.shift(timedelta(seconds=1))
            assert client.get("/api/v1/jobs").json()["code"] == "invalid_token"

    def test_ends_with_its_person(self, alice: User) -> None:
        client = with_token(made(alice))
        User.objects.filter(pk=alice.pk).update(is_active=False)
        assert client.get("/api/v1/jobs").json()["code"] == "invalid_token"

    def test_needs_no_csrf_token_and_sets_no_cookie(self, alice: User) -> None:
        client = with_token(made(alice), enforce_csrf_checks=True)
        answer = client.post("/api/v1/styles", {"name": "x", "prompt": "y"}, content_type=JSON)
        assert answer.status_code == 201
        assert client.get("/api/v1/me").json()["user"]["username"] == "alice"
        assert not client.cookies

    def test_wins_over_a_cookie(self, alice: User, bob: User) -> None:
        client = with_token(made(alice))
        client.force_login(bob)
        assert client.get("/api/v1/me").json()["user"]["username"] == "alice"
        answer = client.get(URL)
        assert (answer.status_code, answer.json()["code"]) == (403, "session_only")

    def test_notes_its_use_once_a_minute(self, alice: User) -> None:
        def used() -> str:
            return f"{ApiToken.objects.get().last_used_at:%H:%M:%S}"

        with time_machine.travel("2026-01-01 12:00Z", tick=False) as traveller:
            client = with_token(made(alice))
            assert ApiToken.objects.get().last_used_at is None
            client.get("/api/v1/jobs")
            traveller.shift(timedelta(seconds=59))
            client.get("/api/v1/jobs")
            assert used() == "12:00:00"
            traveller.shift(timedelta(seconds=2))
            client.get("/api/v1/jobs")
            assert used() == "12:01:01"

    @pytest.mark.parametrize("header", ["Basic YTpi", "Token x", "bearer", ""])
    def test_other_headers(self, alice: User, alice_client: Client, header: str) -> None:
        answer = alice_client.get("/api/v1/jobs", headers={"Authorization": header})
        assert answer.status_code == (401 if header == "bearer" else 200)

    def test_changes_no_password(self, alice: User) -> None:
        client = with_token(made(alice))
        client.force_login(alice)  # whoever has a cookie too is still only the token
        body = {"current_password": PASSWORD, "new_password": "another long enough password"}
        answer = client.post("/_allauth/browser/v1/account/password/change", body, content_type=JSON)
        assert answer.status_code == 401
        alice.refresh_from_db()
        assert alice.check_password(PASSWORD)

    def test_opens_no_admin(self, admin: User) -> None:
        assert with_token(made(admin)).get("/admin/").status_code == 302


class TestPictures:
    @pytest.fixture
    def picture(self, alice: User) -> Image:
        return image_make(alice)

    @pytest.mark.parametrize("name", ["{}.png", "{}.webp", "{}/picture.jpg"])
    def test_are_shown_to_their_owners_token(self, alice: User, bob: User, picture: Image, name: str) -> None:
        path = "/outputs/" + name.format(picture.pk)
        assert with_token(made(alice, Scope.READ)).get(path).status_code == 200
        assert with_token(made(bob, Scope.READ)).get(path).status_code == 404
        refused = with_token(made(alice, Scope.GENERATE)).get(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
        unknown = with_token("sdw_x_y").get(path)
        assert (unknown.status_code, unknown.json()["code"]) == (401, "invalid_token")
