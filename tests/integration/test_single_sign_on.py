"""Single sign-on as people meet it: a portal that takes nothing else, and a provider, both over HTTP."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sdweb.launcher.paths import ROOT
from tests.accounts.identity_provider import IdentityProvider, provider_running
from tests.integration.portal import (
    ADMIN_PASSWORD,
    Person,
    Portal,
    own_database,
    portal_environment,
    portal_running,
)

pytestmark = pytest.mark.integration

AUTH = "/_allauth/browser/v1"
ADMIN_EMAIL = "chief@example.org"


@pytest.fixture(scope="module")
def idp() -> Iterator[IdentityProvider]:
    """The only one who says who people are."""
    with provider_running() as running:
        yield running


@pytest.fixture(scope="module")
def settings(idp: IdentityProvider) -> Iterator[dict[str, str]]:
    """The portal's environment."""
    entry = idp.entry(sign_up=True, trust_email=True, groups={"art": "Artists"}, staff_groups=["helpers"])
    known = {"SDWEB_OIDC": json.dumps([entry]), "SDWEB_SSO_ONLY": "true", "SDWEB_ADMIN_EMAIL": ADMIN_EMAIL}
    with own_database() as database:
        yield {**known, **database}


@pytest.fixture(scope="module")
def portal(
    tmp_path_factory: pytest.TempPathFactory, models: Path, settings: dict[str, str]
) -> Iterator[Portal]:
    """A portal that takes nothing but single sign-on."""
    folder = tmp_path_factory.mktemp("sso")
    with portal_running(folder, models=models, settings=settings) as running:
        yield running


def browser(portal: Portal) -> Person:
    """Somebody who is not signed in."""
    return Person(portal, "", httpx.Client(base_url=portal.url, timeout=60))


def leave(person: Person) -> str:
    """As the button does: a form, whose answer leads to the provider."""
    token = person.http.get("/api/v1/me").json()["csrf_token"]
    form = {"provider": "corp", "process": "login", "callback_url": f"{person.portal.url}/"}
    answer = person.http.post(f"{AUTH}/auth/provider/redirect", data={**form, "csrfmiddlewaretoken": token})
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def sign_on(portal: Portal, idp: IdentityProvider, sub: str) -> Person:
    """There and back."""
    person = browser(portal)
    back = person.http.get(idp.consents(leave(person), sub))
    assert (back.status_code, back.headers["Location"]) == (302, f"{portal.url}/")
    return person


def user(person: Person) -> dict[str, object] | None:
    """Whom the portal takes them for."""
    found: dict[str, object] | None = person.http.get("/api/v1/me").json()["user"]
    return found


def test_a_newcomer_gets_an_account_whose_rights_follow_the_provider(
    portal: Portal, idp: IdentityProvider
) -> None:
    idp.knows("1", preferred_username="ann", email="ann@corp.example", groups=["art", "helpers"])
    ann = user(sign_on(portal, idp, "1"))
    assert ann
    assert (ann["username"], ann["is_staff"]) == ("ann", True)
    idp.knows("1", preferred_username="ann", groups=["art"])
    later = user(sign_on(portal, idp, "1"))
    assert later
    assert (later["id"], later["is_staff"]) == (ann["id"], False)


def test_a_trusted_provider_signs_in_to_the_account_with_the_address_it_verified(
    portal: Portal, idp: IdentityProvider
) -> None:
    idp.knows("2", preferred_username="boss", email=ADMIN_EMAIL, email_verified=False, groups=["helpers"])
    person = browser(portal)
    back = person.http.get(idp.consents(leave(person), "2"))
    assert parse_qs(urlsplit(back.headers["Location"]).query)["error"] == ["email_taken"]
    assert user(person) is None
    idp.knows("2", preferred_username="boss", email=ADMIN_EMAIL, email_verified=True, groups=["helpers"])
    chief = sign_on(portal, idp, "2")
    assert (user(chief) or {})["username"] == "admin"
    assert chief.http.get("/admin/").status_code == 200


def test_a_wrong_state_is_refused(portal: Portal, idp: IdentityProvider) -> None:
    idp.knows("3", preferred_username="mallory")
    callback = idp.consents(leave(browser(portal)), "3")
    victim = browser(portal)
    leave(victim)
    back = victim.http.get(callback)
    assert "error" in parse_qs(urlsplit(back.headers["Location"]).query)
    assert user(victim) is None


def test_no_password_opens_any_door(portal: Portal) -> None:
    person = browser(portal)
    form = {"username": "admin", "password": ADMIN_PASSWORD}
    answer = person.post(f"{AUTH}/auth/login", form)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "sso_only")
    assert person.post(f"{AUTH}/auth/signup", {**form, "username": "eve"}).status_code == 403
    assert person.post(f"{AUTH}/auth/webauthn/login", {"credential": {}}).status_code in (400, 404)
    admin = person.http.get("/admin/", follow_redirects=False)
    assert admin.headers["Location"].startswith("/admin/login/")
    assert person.http.get(admin.headers["Location"]).headers["Location"] == "/?next=%2Fadmin%2F#/"
    assert user(person) is None


def test_pages_may_lead_to_the_provider_and_nowhere_else(portal: Portal, idp: IdentityProvider) -> None:
    policy = browser(portal).http.get("/").headers["Content-Security-Policy"]
    (forms,) = [part.strip() for part in policy.split(";") if "form-action" in part]
    assert forms == f"form-action 'self' {idp.url}"


def test_an_administrator_has_a_way_in_by_the_command_line(portal: Portal, settings: dict[str, str]) -> None:
    places = {"SDWEB_DATA_DIR": str(portal.data_dir), "PORT": str(portal.port)}
    done = subprocess.run(
        [sys.executable, "manage.py", "emergency_signin"],
        cwd=ROOT,
        env=portal_environment({**settings, **places}),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    person = browser(portal)
    assert person.http.get(done.stdout.strip()).status_code == 302
    assert (user(person) or {})["username"] == "admin"
    again = browser(portal)
    assert again.http.get(done.stdout.strip()).status_code == 403
    assert user(again) is None
