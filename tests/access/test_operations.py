"""Every operation of the API as its owner, as a stranger, as nobody, and with the right that it needs.

Generated from the OpenAPI schema: an operation without a rule fails.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import pytest
from django.test import Client

from sdweb.accounts.models import User
from sdweb.api import api
from tests.access.rules import OPERATIONS, Rule
from tests.access.world import SECRET, World, somebody_with, world_make

pytestmark = pytest.mark.django_db

ROLES: Final = ("owner", "stranger", "anonymous")


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    name: str
    method: str
    path: str


def _operations() -> dict[str, Operation]:
    schema = api.get_openapi_schema()
    found = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"]
            found[name] = Operation(name, method, path)
    return found


ALL: Final = _operations()


@pytest.fixture
def world() -> World:
    """Alice has one of everything."""
    return world_make()


def test_every_operation_has_a_rule() -> None:
    assert set(ALL) == set(OPERATIONS)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_who_may_call(world: World, name: str, role: str) -> None:
    rule = OPERATIONS[name]
    caller = {"owner": _entitled(world, rule), "stranger": world.bob, "anonymous": None}[role]
    answer = _call(world, ALL[name], rule, caller)
    assert answer.status_code == getattr(rule, role), answer.content[:500]
    if role != "owner":
        assert SECRET.encode() not in answer.content
    if answer.status_code >= 400:
        assert set(answer.json()) == {"code", "message", "hint", "fields"}


@pytest.mark.parametrize("name", sorted(name for name, rule in OPERATIONS.items() if rule.anonymous == 401))
def test_a_deactivated_person_is_nobody(world: World, name: str) -> None:
    client = Client()
    client.force_login(world.alice)
    User.objects.filter(pk=world.alice.pk).update(is_active=False)
    answer = _call(world, ALL[name], OPERATIONS[name], None, client)
    assert answer.status_code == 401


@pytest.mark.parametrize("name", sorted(name for name in ALL if ALL[name].method != "get"))
def test_a_page_of_another_site_changes_nothing(world: World, name: str) -> None:
    """With the session's cookie alone, without the token that only the portal's own pages know."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.alice)
    answer = _call(world, ALL[name], OPERATIONS[name], None, client)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


def _entitled(world: World, rule: Rule) -> User:
    return somebody_with(rule.right) if rule.right else world.alice


def _call(
    world: World, operation: Operation, rule: Rule, caller: User | None, client: Client | None = None
) -> Any:
    if client is None:
        client = Client()
        if caller is not None:
            client.force_login(caller)
    path = operation.path.format(**{**world.ids(), **rule.path(world)})
    content: Any = rule.body_for(world)
    send = getattr(client, operation.method)
    if rule.files:
        answer = send(path + rule.query, content)
    elif operation.method == "get":
        answer = send(path + rule.query)
    else:
        answer = send(path + rule.query, json.dumps(content), content_type="application/json")
    return answer
