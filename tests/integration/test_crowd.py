"""Two hundred sockets and fifty people: every picture arrives in every open tab, and no socket dies."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.crowd import crowd
from bench.people import sessions_make
from tests.integration.portal import Portal, own_database, portal_environment, portal_running

pytestmark = pytest.mark.integration

PEOPLE, SOCKETS = 50, 200


@pytest.fixture
def busy(tmp_path: Path, models: Path) -> Iterator[tuple[Portal, list[str]]]:
    """A portal of its own, and the session cookies of those who come."""
    with own_database() as database:
        settings = {**database, "SDWEB_RATE_LIMIT": "0"}
        with portal_running(tmp_path, models=models, settings=settings) as portal:
            env = {**portal_environment(settings), "SDWEB_DATA_DIR": str(portal.data_dir)}
            yield portal, sessions_make(PEOPLE, env)


def test_nothing_is_lost_and_every_socket_lives(busy: tuple[Portal, list[str]]) -> None:
    portal, sessions = busy
    params = {"prompt": "a red fox", "width": 64, "height": 64, "steps": 4}
    report = asyncio.run(crowd(portal.url, sessions, sockets=SOCKETS, jobs=2, params=params))
    print("\n".join(report.lines()))  # noqa: T201 - pytest shows it with -rP
    assert report.refused == []
    assert len(report.submitted) == 2 * PEOPLE
    assert len(report.heard) == SOCKETS
    assert all(len(jobs) == 2 for jobs in report.heard.values())
    assert report.sockets_alive == report.sockets == SOCKETS
