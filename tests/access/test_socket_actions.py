"""Every action of the WebSocket as its owner, as a stranger, and with the right that it needs.

Generated from the action table: an action without a rule fails. Who is not signed in gets no socket at all.
"""

import uuid

import pytest

from generation.actions import ACTIONS, Connection, Incoming, perform
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.access.rules import SOCKET_ACTIONS, Rule
from tests.access.world import SECRET, World, somebody_with, world_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """Alice has one of everything."""
    return world_make()


def test_every_action_has_a_rule() -> None:
    assert set(ACTIONS) == set(SOCKET_ACTIONS)


@pytest.mark.parametrize("name", sorted(SOCKET_ACTIONS))
def test_the_owner_may(world: World, name: str) -> None:
    rule = SOCKET_ACTIONS[name]
    caller = somebody_with(rule.right) if rule.right else world.alice
    assert _status(world, name, rule, caller)[0] == rule.owner


@pytest.mark.parametrize("name", sorted(SOCKET_ACTIONS))
def test_what_a_stranger_gets(world: World, name: str) -> None:
    rule = SOCKET_ACTIONS[name]
    status, answer = _status(world, name, rule, world.bob)
    assert status == rule.stranger, answer
    assert SECRET not in answer


def _status(world: World, name: str, rule: Rule, caller: User) -> tuple[int, str]:
    """What it comes to as a status of HTTP, and the words of the answer."""
    message = Incoming.model_validate({"action": name, **rule.body_for(world)})
    connection = Connection(user=caller, channel=f"test.{uuid.uuid4()}")
    try:
        return 200, str(perform(connection, message))
    except PortalError as error:
        return error.status, str(error.as_dict())
