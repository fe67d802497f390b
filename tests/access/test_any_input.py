"""Whatever is sent to an operation of the API, the answer is one of its own: never a failure of the server.

schemathesis makes the requests from the OpenAPI schema, those that fit it and those that do not.
"""

import itertools
from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error

from sdweb.accounts.models import User
from sdweb.api import api
from tests.access.world import World, world_make

pytestmark = pytest.mark.django_db

CSRF: Final = "a" * 32
"""Cookie and header alike: what the portal's own page sends."""
EXAMPLES: Final = 20

schema = schemathesis.openapi.from_dict(api.get_openapi_schema())
schema.app = get_wsgi_application()
_turn = itertools.count()


@pytest.fixture
def world() -> World:
    """Alice has one of everything, and every right."""
    made = world_make()
    User.objects.filter(pk=made.alice.pk).update(is_superuser=True, is_staff=True)
    return made


@pytest.fixture
def headers(world: World) -> dict[str, str]:
    """Alice's session."""
    client = Client()
    client.force_login(world.alice)
    session = client.cookies["sessionid"].value
    return {"Cookie": f"sessionid={session}; csrftoken={CSRF}", "X-CSRFToken": CSRF}


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """The whole test is one transaction, which the end of a request must not close."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_no_input_breaks_the_server(case: Any, world: World, headers: dict[str, str]) -> None:
    if next(_turn) % 2:  # things that exist, in turn with such that do not
        known = {name: str(value) for name, value in world.ids().items()}
        case.path_parameters = {
            name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
        }
    answer = case.call(headers=headers)
    case.validate_response(answer, checks=(not_a_server_error,))
    if answer.status_code >= 400:
        assert {"code", "message", "hint", "fields"} <= set(answer.json())
