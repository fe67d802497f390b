"""Behind a hundred jobs of somebody else, one's first job is the next that begins, whatever its door."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import httpx
import pytest

from tests.integration.portal import Person, Portal, params_of

pytestmark = pytest.mark.integration

CROWD: Final = 100
SLOTS: Final = 8
"""Jobs that the portal's one worker may have at the same time, unless it is told otherwise."""
MODEL: Final = {"model": "tiny"}


def by_http(person: Person) -> str:
    """As a page does that has no socket."""
    return person.submit(**MODEL)


def by_socket(person: Person) -> str:
    """As the page does."""
    with person.socket() as socket:
        socket.say(action="generate", params=params_of(**MODEL))
        job_id: str = socket.hear("job")["data"]["id"]
        return job_id


def by_token(person: Person) -> str:
    """As a program does."""
    made = person.post("/api/v1/me/tokens", {"name": "a program", "scopes": ["generate"]})
    assert made.status_code == 201, made.text
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    answer = httpx.post(
        f"{person.portal.url}/api/v1/jobs", json=params_of(**MODEL), headers=bearer, timeout=60
    )
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


@pytest.fixture
def eager(portal: Portal) -> Iterator[Person]:
    """Somebody who asks for more than the worker does in a while, and takes it back in the end."""
    person = Person.new(portal)
    headers = {"X-CSRFToken": person.http.get("/api/v1/me").json()["csrf_token"]}
    small = params_of(**MODEL, steps=60)
    for seed in range(CROWD):
        answer = person.http.post("/api/v1/jobs", json={**small, "seed": seed}, headers=headers)
        assert answer.status_code == 202, answer.text
    yield person
    person.post("/api/v1/jobs/cancel", {})
    person.http.close()


@pytest.mark.parametrize("submit", [by_http, by_socket, by_token])
def test_a_newcomer_is_next_behind_a_hundred_jobs_of_somebody_else(
    eager: Person, person: Person, submit: Callable[[Person], str]
) -> None:
    late = person.wait_for(submit(person))
    assert late["state"] == "done", late["error"]
    asked, began = moment(late["created_at"]), moment(late["started_at"])
    crowd = jobs_of(eager)
    starts = [moment(job["started_at"]) for job in crowd if job["started_at"]]
    assert CROWD - sum(start < asked for start in starts) > 2 * SLOTS, "too few were left for it to matter"
    assert sum(asked < start < began for start in starts) <= SLOTS
    cancelled = eager.post("/api/v1/jobs/cancel", {}).json()["count"]
    ended = jobs_of(eager)
    assert {job["state"] for job in ended} == {"done", "cancelled"}
    assert [job["state"] for job in ended].count("cancelled") == cancelled > 0


def moment(text: str) -> datetime:
    """A time as the API says it."""
    return datetime.fromisoformat(text)


def jobs_of(person: Person) -> list[dict[str, Any]]:
    """All of them."""
    found: list[dict[str, Any]] = person.http.get(f"/api/v1/jobs?limit={CROWD}").json()["items"]
    assert len(found) == CROWD
    return found
