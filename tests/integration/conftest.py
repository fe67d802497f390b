"""Portals for the tests of the whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.tiny import tiny_folder
from tests.integration.portal import Person, Portal, own_database, portal_running


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with one tiny real checkpoint."""
    folder = tmp_path_factory.mktemp("models")
    tiny_folder(folder / "tiny")
    return folder


@pytest.fixture(scope="package")
def portal(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Portal]:
    """A portal that the tests of this folder share."""
    with (
        own_database() as settings,
        portal_running(tmp_path_factory.mktemp("portal"), models=models, settings=settings) as running,
    ):
        yield running


@pytest.fixture
def person(portal: Portal) -> Iterator[Person]:
    """Somebody new."""
    somebody = Person.new(portal)
    yield somebody
    somebody.http.close()
