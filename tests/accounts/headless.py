"""allauth's headless API as the front end speaks it, for tests."""

import json
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db.models import QuerySet
from django.test import Client

from sdweb.accounts.models import User
from tests.factories import PASSWORD

AUTH = "/_allauth/browser/v1"


def ask(client: Client, method: str, path: str, /, **data: Any) -> Any:
    """One call, with a JSON body where there is one."""
    body = json.dumps(data) if data else ""
    return client.generic(method, f"{AUTH}{path}", body, content_type="application/json")


def post(client: Client, path: str, /, **data: Any) -> Any:
    """A POST."""
    return ask(client, "POST", path, **data)


def sign_in(username: str, password: str = PASSWORD) -> Client:
    """A browser that has signed in with a password, and nothing else."""
    client = Client()
    answer = post(client, "/auth/login", username=username, password=password)
    assert answer.status_code in (200, 401), answer.content
    return client


def prove(client: Client, password: str = PASSWORD) -> None:
    """Show once more who is there, as is asked for before a change that matters."""
    assert post(client, "/auth/reauthenticate", password=password).status_code == 200


def who(client: Client) -> str | None:
    """The name of whoever is signed in."""
    user = client.get("/api/v1/me").json()["user"]
    return user["username"] if user else None


def codes(answer: Any) -> list[str]:
    """The codes of what an answer refuses."""
    return [error["code"] for error in answer.json().get("errors", [])]


def forget_attempts() -> None:
    """No earlier attempts count."""
    cache.clear()


def factors(user: User) -> "QuerySet[Authenticator]":
    """What can be asked of this person at the sign-in, recovery codes included."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user=user)
    return found


def give_app(user: User) -> None:
    """An authenticator app, set up long ago."""
    Authenticator.objects.create(user=user, type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
