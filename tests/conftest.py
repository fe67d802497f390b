"""What every test may use: an owner, a stranger, nobody, and an administrator."""

import os
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client

from sdweb.accounts.models import User
from tests.factories import UserFactory

# The settings module of the tests is for this process alone: what tests start shall run as an installation
# does.
os.environ["DJANGO_SETTINGS_MODULE"] = "sdweb.settings"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Each test starts with an empty cache, as it does with an empty database."""
    cache.clear()


@pytest.fixture
def alice(db: None) -> User:
    """The owner in most tests."""
    return UserFactory.create(username="alice")


@pytest.fixture
def bob(db: None) -> User:
    """A stranger: signed in, and owner of nothing that matters."""
    return UserFactory.create(username="bob")


@pytest.fixture
def admin(db: None) -> User:
    """An administrator."""
    return UserFactory.create(username="root", staff=True)


@pytest.fixture
def client_for(db: None) -> Callable[[User | None], Client]:
    """An HTTP client that is signed in as the given person, or as nobody."""

    def build(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return build


@pytest.fixture
def alice_client(client_for: Callable[[User | None], Client], alice: User) -> Client:
    """HTTP as Alice."""
    return client_for(alice)


@pytest.fixture
def bob_client(client_for: Callable[[User | None], Client], bob: User) -> Client:
    """HTTP as Bob."""
    return client_for(bob)


@pytest.fixture
def admin_client(client_for: Callable[[User | None], Client], admin: User) -> Client:
    """HTTP as an administrator."""
    return client_for(admin)


@pytest.fixture
def anonymous_client(client_for: Callable[[User | None], Client]) -> Client:
    """HTTP without a session."""
    return client_for(None)
