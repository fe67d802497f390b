"""Passkeys: as the second step of a sign-in and as the whole of it, with an authenticator in software."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from sdweb.accounts.models import User
from sdweb.accounts.second_factor import passkeys_possible
from tests.accounts.headless import ask, codes, factors, post, prove, sign_in, who
from tests.accounts.software_passkey import SoftwarePasskey

pytestmark = pytest.mark.django_db

SITE = "https://pictures.example.org"
WEBAUTHN = "/account/authenticators/webauthn"


@pytest.fixture(autouse=True)
def _public(settings: Any) -> None:
    settings.PUBLIC_URL = SITE


def add(client: Client, passkey: SoftwarePasskey, *, alone: bool = True, **changes: Any) -> Any:
    """Add a passkey as Settings does; ``alone``: one that signs in by itself."""
    prove(client)
    offered = ask(client, "GET", f"{WEBAUTHN}{'?passwordless' if alone else ''}")
    assert offered.status_code == 200, offered.content
    options = offered.json()["data"]["creation_options"]
    return post(client, WEBAUTHN, name="phone", credential=passkey.create(options, **changes))


def answer(client: Client, passkey: SoftwarePasskey, step: str) -> Any:
    """Answer with a passkey: ``login``, ``authenticate`` or ``reauthenticate``."""
    path = f"/auth/webauthn/{step}"
    options = ask(client, "GET", path).json()["data"]["request_options"]
    return post(client, path, credential=passkey.get(options))


def test_signs_in_alone(alice: User) -> None:
    passkey = SoftwarePasskey(SITE)
    assert add(sign_in("alice"), passkey).status_code == 200
    client = Client()
    assert answer(client, passkey, "login").status_code == 200
    assert who(client) == "alice"


def test_is_asked_for_after_the_password(alice: User) -> None:
    passkey = SoftwarePasskey(SITE)
    add(sign_in("alice"), passkey, alone=False)
    client = sign_in("alice")
    assert who(client) is None
    assert answer(client, passkey, "authenticate").status_code == 200
    assert who(client) == "alice"


def test_proves_once_more_who_is_there(alice: User) -> None:
    passkey = SoftwarePasskey(SITE)
    add(sign_in("alice"), passkey)
    client = Client()
    answer(client, passkey, "login")
    assert ask(client, "POST", "/account/authenticators/recovery-codes").status_code == 401
    assert answer(client, passkey, "reauthenticate").status_code == 200
    assert ask(client, "POST", "/account/authenticators/recovery-codes").status_code == 200


def test_is_bound_to_the_public_name(alice: User) -> None:
    client = sign_in("alice")
    prove(client)
    options = ask(client, "GET", WEBAUTHN).json()["data"]["creation_options"]["publicKey"]
    assert options["rp"]["id"] == "pictures.example.org"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://pictures.example.org"])
def test_of_another_page_is_refused(alice: User, origin: str) -> None:
    refused = add(sign_in("alice"), SoftwarePasskey(origin))
    assert refused.status_code == 400
    assert not factors(alice).exists()


def test_for_another_name_is_refused(alice: User) -> None:
    refused = add(sign_in("alice"), SoftwarePasskey(SITE), rp_id="evil.example")
    assert refused.status_code == 400
    assert not factors(alice).exists()


def test_of_a_stranger_with_her_handle_is_refused(alice: User) -> None:
    passkey = SoftwarePasskey(SITE)
    add(sign_in("alice"), passkey)
    forged = SoftwarePasskey(SITE, credential_id=passkey.credential_id, user_handle=passkey.user_handle)
    client = Client()
    assert answer(client, forged, "login").status_code >= 400
    assert who(client) is None


def test_an_answer_counts_once(alice: User) -> None:
    passkey = SoftwarePasskey(SITE)
    add(sign_in("alice"), passkey)
    client = Client()
    options = ask(client, "GET", "/auth/webauthn/login").json()["data"]["request_options"]
    credential = passkey.get(options)
    assert post(client, "/auth/webauthn/login", credential=credential).status_code == 200
    other = Client()
    ask(other, "GET", "/auth/webauthn/login")
    assert post(other, "/auth/webauthn/login", credential=credential).status_code == 400
    assert who(other) is None


def test_of_a_closed_account_opens_nothing(alice: User) -> None:
    passkey = SoftwarePasskey(SITE)
    add(sign_in("alice"), passkey)
    alice.is_active = False
    alice.save()
    client = Client()
    answer(client, passkey, "login")
    assert who(client) is None


def test_is_taken_away_by_its_owner_alone(alice: User, bob: User) -> None:
    client, passkey = sign_in("alice"), SoftwarePasskey(SITE)
    add(client, passkey)
    row = factors(alice).get(type="webauthn")
    stranger = sign_in("bob")
    prove(stranger)
    assert ask(stranger, "DELETE", WEBAUTHN, authenticators=[row.pk]).status_code == 400
    assert ask(client, "DELETE", WEBAUTHN, authenticators=[row.pk]).status_code == 200
    assert answer(Client(), passkey, "login").status_code == 400


def test_alone_is_no_way_in_where_single_sign_on_is_the_only_one(alice: User, settings: Any) -> None:
    passkey = SoftwarePasskey(SITE)
    add(sign_in("alice"), passkey)
    settings.SSO_ONLY = True
    client = Client()
    refused = answer(client, passkey, "login")
    assert (refused.status_code, codes(refused)) == (403, ["sso_only"])
    assert who(client) is None


@pytest.mark.parametrize(
    ("public_url", "host", "possible"),
    [
        ("https://pictures.example.org", "10.0.0.1", True),
        ("http://pictures.example.org", "pictures.example.org", False),
        ("https://192.0.2.1", "192.0.2.1", False),
        ("", "localhost:5000", True),
        ("", "127.0.0.1:5000", False),
        ("", "pictures.local", False),
    ],
)
def test_pages_are_told_whether_browsers_can_make_them(
    settings: Any, public_url: str, host: str, possible: bool
) -> None:
    settings.PUBLIC_URL = public_url
    settings.ALLOWED_HOSTS = ["*"]
    assert passkeys_possible(RequestFactory().get("/", HTTP_HOST=host)) is possible
