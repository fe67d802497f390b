"""What a token may do, tried at every operation of the API: a new one without a rule here fails."""

import re
from typing import Final
from uuid import uuid4

import pytest
from django.test import Client

from generation.actions import ACTION_SCOPES, ACTIONS
from sdweb.accounts import tokens
from sdweb.accounts.models import ApiToken, User
from sdweb.api import api

pytestmark = pytest.mark.django_db

Scope = ApiToken.Scope

WRITING: Final[dict[str, Scope | None]] = {
    "/jobs": Scope.GENERATE,
    "/options": Scope.GENERATE,
    "/prompts": Scope.GENERATE,
    "/styles": Scope.GENERATE,
    "/wildcards": Scope.GENERATE,
    "/uploads": Scope.GENERATE,
    "/images": Scope.GALLERY,
    "/models": Scope.MANAGE,
    "/queue": Scope.MANAGE,
    "/workers": Scope.MANAGE,
    "/me/tokens": None,
    "/me": None,
}
"""The scope that changing something below an address needs, None where no token may; the longest counts."""
READING: Final[dict[str, Scope | None]] = {
    "/me/tokens": None,
    "/me/totp-picture": None,
    "/audit": Scope.MANAGE,
    "/workers": Scope.MANAGE,
}
"""The same for looking, where it is not ``read``."""
FREE: Final = {("GET", "/me")}
"""For everybody, with any token that is alive, and without one."""

REFUSALS: Final = {"scope_missing", "session_only", "invalid_token", "not_signed_in"}

OPERATIONS: Final = [
    (method.upper(), path.removeprefix("/api/v1"))
    for path, methods in api.get_openapi_schema()["paths"].items()
    for method in methods
]


def needed(method: str, path: str) -> Scope | None:
    """What this operation asks of a token, by the rules above."""
    rules = READING if method == "GET" else WRITING
    fitting = [prefix for prefix in rules if path == prefix or path.startswith(f"{prefix}/")]
    if fitting:
        return rules[max(fitting, key=len)]
    assert method == "GET", f"{method} {path} has no rule: which scope does a token need for it?"
    return Scope.READ


def ask(client: Client, method: str, path: str, **headers: str) -> str:
    """The code of the refusal, or an empty text where none of ``REFUSALS`` came."""
    address = "/api/v1" + re.sub(r"\{[^}]+\}", str(uuid4()), path)
    data = "" if method == "GET" else "{}"
    answer = client.generic(method, address, data, "application/json", headers=headers)
    is_json = answer.headers["Content-Type"].startswith("application/json")
    code = answer.json().get("code", "") if is_json and answer.status_code >= 400 else ""
    return code if code in REFUSALS else ""


@pytest.mark.parametrize(("method", "path"), [one for one in OPERATIONS if one not in FREE])
class TestEveryOperation:
    @pytest.fixture
    def secrets(self, admin: User) -> dict[Scope, str]:
        """One token for each scope, of somebody who has every right."""
        return {scope: tokens.token_create(user=admin, name=scope, scopes=[scope]).secret for scope in Scope}

    def test_asks_for_its_scope_and_no_other(
        self, method: str, path: str, secrets: dict[Scope, str], client: Client
    ) -> None:
        scope = needed(method, path)
        for own, secret in secrets.items():
            code = ask(client, method, path, Authorization=f"Bearer {secret}")
            if scope is None:
                assert code == "session_only"
            else:
                assert code == ("" if own == scope else "scope_missing"), own

    def test_is_closed_to_nobody_and_to_a_token_that_is_none(
        self, method: str, path: str, client: Client
    ) -> None:
        code = ask(client, method, path, Authorization="Bearer sdw_abc_def")
        assert code == ("session_only" if needed(method, path) is None else "invalid_token")
        assert ask(client, method, path) == "not_signed_in"


@pytest.mark.parametrize(("method", "path"), sorted(FREE))
def test_what_is_for_everybody_answers_every_token_that_is_alive(
    method: str, path: str, alice: User, client: Client
) -> None:
    secret = tokens.token_create(user=alice, name="x", scopes=[Scope.GALLERY]).secret
    assert ask(client, method, path, Authorization=f"Bearer {secret}") == ""
    assert ask(client, method, path) == ""
    assert ask(client, method, path, Authorization="Bearer sdw_abc_def") == "invalid_token"


def test_every_action_of_the_socket_has_a_scope() -> None:
    assert ACTION_SCOPES.keys() == ACTIONS.keys()
