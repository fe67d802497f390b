"""Several GPU workers on one queue, as ``./run --workers 3`` starts them: work spreads, models stay where
they are, a killed worker costs no job, a drained one takes none.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest

from tests.engine.tiny import tiny_folder
from tests.integration.portal import (
    ADMIN_PASSWORD,
    START_SECONDS,
    Person,
    Portal,
    eventually,
    own_database,
    portal_running,
)

pytestmark = pytest.mark.integration

NAMES: Final = ("gpu0", "gpu1", "gpu2")
MODELS: Final = ("one", "two", "three")
STEPS: Final = 40
"""Of a job that takes long enough for three workers to get their share."""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Three workers with room for two jobs each, and three models of which a worker can keep one."""
    models = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(MODELS):
        tiny_folder(models / name, seed=seed)
    limits = {"SDWEB_WORKER_SLOTS": "2", "SDWEB_MODEL_CACHE_MB": "1"}  # a megabyte holds none: one stays
    with (
        own_database() as database,
        portal_running(
            tmp_path_factory.mktemp("portal"),
            models=models,
            settings={**database, **limits},
            arguments=["--workers", "3"],
        ) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def admin(portal: Portal) -> Iterator[Person]:
    """The administrator, once all workers are there."""
    person = Person(portal, "admin", httpx.Client(base_url=portal.url, timeout=60))
    answer = person.post("/_allauth/browser/v1/auth/login", {"username": "admin", "password": ADMIN_PASSWORD})
    assert answer.status_code == 200, answer.text
    eventually(lambda: set(workers(person)) == set(NAMES), seconds=120, what="three workers")
    yield person
    person.http.close()


def workers(admin: Person) -> dict[str, dict[str, Any]]:
    """Those that are there, by the part of their names before the host."""
    found = admin.http.get("/api/v1/workers").json()["workers"]
    return {row["name"].partition("@")[0]: row for row in found if row["alive"]}


def until_worker(admin: Person, name: str, condition: Callable[[dict[str, Any]], bool], what: str) -> None:
    eventually(
        lambda: name in (now := workers(admin)) and condition(now[name]), seconds=START_SECONDS, what=what
    )


@pytest.fixture
def people(portal: Portal) -> Iterator[list[Person]]:
    """One for each model."""
    made = [Person.new(portal) for _ in MODELS]
    yield made
    for person in made:
        person.http.close()


def submit(people: list[Person], each: int, **params: Any) -> list[tuple[Person, str]]:
    """That many jobs of everybody, each person with a model of their own, their jobs in between."""
    return [
        (person, person.submit(model=model, **{"steps": STEPS, "seed": seed, **params}))
        for seed in range(each)
        for person, model in zip(people, MODELS, strict=True)
    ]


def finished_once(jobs: list[tuple[Person, str]]) -> list[dict[str, Any]]:
    """All jobs when they are done; each has its one picture, and nobody has one too many."""
    done = [person.wait_for(job_id) for person, job_id in jobs]
    assert [job["state"] for job in done] == ["done"] * len(jobs), [job["error"] for job in done]
    assert all([image["index"] for image in job["images"]] == [0] for job in done)
    for person in {person.name: person for person, _ in jobs}.values():
        own = sorted(job_id for somebody, job_id in jobs if somebody is person)
        assert sorted(image["job_id"] for image in person.images()) == own
    return done


def test_jobs_spread_and_models_stay(admin: Person, people: list[Person]) -> None:
    jobs = submit(people, 16)
    finished_once(jobs)
    eventually(
        lambda: sum(row["jobs_done"] for row in workers(admin).values()) == len(jobs), what="the last reports"
    )
    found = workers(admin)
    assert all(row["jobs_done"] > 0 for row in found.values())
    assert all(row["errors"] == 0 for row in found.values())
    # Chosen without a look at what is loaded, two jobs of three would need another model. A fair choice needs
    # some: at the start, when nobody knows yet what takes how long, and when there is nothing else to do.
    loads = {name: row["loads"] for name, row in found.items()}
    assert sum(loads.values()) <= 0.4 * len(jobs), loads


def test_a_killed_worker_costs_no_job_and_stays_drained(
    portal: Portal, admin: Person, people: list[Person]
) -> None:
    old = workers(admin)["gpu1"]
    jobs = submit(people, 4, steps=100)
    until_worker(admin, "gpu1", lambda row: row["jobs_running"] > 0, "a job on gpu1")
    portal.kill("gpu1")
    switch(admin, old["name"], "drain")
    attempts = {job["attempt"] for job in finished_once(jobs)}
    assert attempts == {1, 2}
    until_worker(admin, "gpu1", lambda row: row["started_at"] > old["started_at"], "the return of gpu1")
    finished_once(jobs + submit(people, 2))
    row = workers(admin)["gpu1"]
    assert (row["accepts"], row["jobs_done"], row["loads"]) == (False, 0, 0)
    switch(admin, old["name"], "resume")


def test_a_drained_worker_takes_nothing_until_it_is_resumed(admin: Person, people: list[Person]) -> None:
    name = workers(admin)["gpu0"]["name"]
    switch(admin, name, "drain")
    until_worker(admin, "gpu0", lambda row: row["jobs_running"] == 0, "the end of what gpu0 had")
    before = workers(admin)["gpu0"]["jobs_done"]
    jobs = submit(people, 2)
    finished_once(jobs)
    assert workers(admin)["gpu0"]["jobs_done"] == before
    jobs += submit(people, 4, steps=100)
    switch(admin, name, "resume")
    until_worker(admin, "gpu0", lambda row: row["jobs_running"] + row["jobs_done"] > before, "a job on gpu0")
    finished_once(jobs)


def switch(admin: Person, name: str, what: str) -> None:
    answer = admin.post(f"/api/v1/workers/{name}/{what}", {})
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepts"] is (what == "resume")
