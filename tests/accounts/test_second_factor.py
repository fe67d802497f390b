"""Authenticator apps, recovery codes, and people who must have a second factor."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from allauth.mfa.models import Authenticator
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.utils import timezone

from sdweb.accounts.models import ApiToken, User
from sdweb.accounts.second_factor import SecondFactorSockets
from sdweb.accounts.tokens import token_create
from tests.accounts.headless import ask, codes, factors, forget_attempts, post, prove, sign_in, who
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


def set_up(client: Client) -> pyotp.TOTP:
    """Set up an authenticator app, as Settings does; returns the app."""
    prove(client)
    offered = ask(client, "GET", "/account/authenticators/totp")
    assert offered.status_code == 404
    secret = offered.json()["meta"]["secret"]
    app = pyotp.parse_uri(offered.json()["meta"]["totp_url"])
    assert isinstance(app, pyotp.TOTP)
    assert app.secret == secret
    assert post(client, "/account/authenticators/totp", code=app.now()).status_code == 200
    return app


class TestTheApp:
    def test_is_asked_for_at_every_sign_in(self, alice: User) -> None:
        app = set_up(sign_in("alice"))
        client = sign_in("alice")
        assert who(client) is None
        assert post(client, "/auth/2fa/authenticate", code=app.now()).status_code == 200
        assert who(client) == "alice"

    def test_names_the_portal_and_the_person(self, alice: User) -> None:
        app = set_up(sign_in("alice"))
        assert app.issuer == django_settings.MFA_TOTP_ISSUER
        assert app.name == "alice@example.org"

    def test_a_wrong_code_opens_nothing(self, alice: User) -> None:
        app = set_up(sign_in("alice"))
        client = sign_in("alice")
        wrong = str((int(app.now()) + 1) % 1_000_000).zfill(6)
        stale = app.at(timezone.now() - timedelta(minutes=10))
        for code in {wrong, stale} - {app.now()}:
            assert codes(post(client, "/auth/2fa/authenticate", code=code)) == ["incorrect_code"]
        assert who(client) is None

    def test_a_code_works_once(self, alice: User) -> None:
        app = set_up(sign_in("alice"))
        code = app.now()
        assert post(sign_in("alice"), "/auth/2fa/authenticate", code=code).status_code == 200
        again = post(sign_in("alice"), "/auth/2fa/authenticate", code=code)
        assert codes(again) == ["incorrect_code"]

    def test_guessing_codes_is_stopped(self, alice: User) -> None:
        app = set_up(sign_in("alice"))
        forget_attempts()
        client = sign_in("alice")
        wrong = str((int(app.now()) + 1) % 1_000_000).zfill(6)
        told = [codes(post(client, "/auth/2fa/authenticate", code=wrong)) for _ in range(7)]
        assert told[-1] == ["too_many_login_attempts"]
        assert codes(post(client, "/auth/2fa/authenticate", code=app.now())) == ["too_many_login_attempts"]

    def test_a_code_without_the_password_opens_nothing(self, alice: User) -> None:
        app = set_up(sign_in("alice"))
        assert post(Client(), "/auth/2fa/authenticate", code=app.now()).status_code == 401

    def test_a_session_that_is_left_open_cannot_set_one_up_or_take_it_away(self, alice: User) -> None:
        client = sign_in("alice")
        secret = ask(client, "GET", "/account/authenticators/totp").json()["meta"]["secret"]
        code = pyotp.TOTP(secret).now()
        assert post(client, "/account/authenticators/totp", code=code).status_code == 401
        assert not factors(alice).exists()
        set_up(client)
        other = sign_in("alice")
        assert ask(other, "DELETE", "/account/authenticators/totp").status_code == 401
        assert factors(alice).filter(type="totp").exists()

    def test_is_taken_away_by_its_owner(self, alice: User) -> None:
        client = sign_in("alice")
        set_up(client)
        assert ask(client, "DELETE", "/account/authenticators/totp").status_code == 200
        assert not factors(alice).exists()
        assert who(sign_in("alice")) == "alice"

    def test_is_taken_away_by_an_administrator_who_sees_no_secret(
        self, alice: User, admin_client: Client
    ) -> None:
        app = set_up(sign_in("alice"))
        (row, *_) = factors(alice).filter(type="totp")
        page = admin_client.get(f"/admin/mfa/authenticator/{row.pk}/change/")
        assert page.status_code == 200
        assert app.secret not in page.content.decode()
        admin_client.post(f"/admin/mfa/authenticator/{row.pk}/delete/", {"post": "yes"})
        assert who(sign_in("alice")) == "alice"


def test_recovery_codes_stand_in_and_work_once(alice: User) -> None:
    client = sign_in("alice")
    set_up(client)
    shown = ask(client, "GET", "/account/authenticators/recovery-codes").json()["data"]["unused_codes"]
    assert len(set(shown)) == 10
    for code, opens in ((shown[0], True), (shown[0], False), (shown[1], True)):
        other = sign_in("alice")
        assert post(other, "/auth/2fa/authenticate", code=code).status_code == (200 if opens else 400)
        assert who(other) == ("alice" if opens else None)


def test_new_recovery_codes_void_the_old(alice: User) -> None:
    client = sign_in("alice")
    set_up(client)
    path = "/account/authenticators/recovery-codes"
    (old, *_) = ask(client, "GET", path).json()["data"]["unused_codes"]
    (new, *_) = ask(client, "POST", path).json()["data"]["unused_codes"]
    assert post(sign_in("alice"), "/auth/2fa/authenticate", code=old).status_code == 400
    assert post(sign_in("alice"), "/auth/2fa/authenticate", code=new).status_code == 200


class TestWhoMustHaveOne:
    @pytest.fixture(autouse=True)
    def _required(self, settings: Any) -> None:
        settings.REQUIRE_2FA = "staff"

    def test_can_do_nothing_else_before(self, admin: User) -> None:
        client = sign_in("root")
        assert client.get("/api/v1/me").json()["second_factor_required"] is True
        for path in ("/api/v1/jobs", "/api/v1/images", "/api/v1/options"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
        page = client.get("/admin/")
        assert (page.status_code, page["Location"]) == (302, "/#/settings/security")
        post(client, "/auth/reauthenticate", password=PASSWORD)
        set_up(client)
        assert client.get("/api/v1/me").json()["second_factor_required"] is False
        assert client.get("/api/v1/jobs").status_code == 200
        assert client.get("/admin/").status_code == 200

    def test_is_who_is_named_and_nobody_else(self, alice: User, alice_client: Client, settings: Any) -> None:
        assert alice_client.get("/api/v1/jobs").status_code == 200
        settings.REQUIRE_2FA = "all"
        assert alice_client.get("/api/v1/jobs").status_code == 403
        assert Client().get("/api/v1/jobs").status_code == 401

    def test_recovery_codes_alone_are_none(self, admin: User) -> None:
        Authenticator.objects.create(user=admin, type="recovery_codes", data={})
        assert sign_in("root").get("/api/v1/jobs").status_code == 403

    def test_is_held_up_again_when_it_is_taken_away(self, admin: User) -> None:
        client = sign_in("root")
        set_up(client)
        ask(client, "DELETE", "/account/authenticators/totp")
        assert client.get("/api/v1/jobs").status_code == 403

    def test_has_no_way_around_by_a_token(self, admin: User) -> None:
        made = token_create(user=admin, name="mine", scopes=[ApiToken.Scope.READ])
        program = Client(headers={"Authorization": f"Bearer {made.secret}"})
        answer = program.get("/api/v1/jobs")
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")

    @pytest.mark.parametrize(
        ("find", "opens"),
        [
            (lambda: User.objects.get(username="root"), False),
            (lambda: User.objects.get(username="alice"), True),
            (AnonymousUser, True),
        ],
    )
    @pytest.mark.django_db(transaction=True)
    def test_has_no_way_around_by_a_socket(self, find: Callable[[], Any], *, opens: bool) -> None:
        UserFactory.create(username="root", staff=True)
        UserFactory.create(username="alice")
        user = find()

        async def accepting(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "websocket.accept"})

        async def connect() -> bool:
            socket = WebsocketCommunicator(SecondFactorSockets(accepting), "/ws/")
            scope: Any = socket.scope
            scope["user"] = user
            connected, _ = await socket.connect()
            return connected

        assert async_to_sync(connect)() is opens
