"""Ten people who want their pictures whatever happens to the portal, and the account of what they got."""

import collections
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString, TypeVar

import httpx
import psycopg

from tests.integration.portal import Person, Portal, eventually, params_of

PEOPLE = 10
PATIENCE_SECONDS = 90.0
T = TypeVar("T")


def insist(ask: Callable[[], T], *, seconds: float = PATIENCE_SECONDS) -> T:
    """Ask again while the portal does not answer or says that a part of it is away, as its own page does."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (httpx.HTTPError, AwayError) as problem:
            if time.monotonic() > deadline:
                raise AssertionError(f"no answer within {seconds:.0f} s") from problem
            time.sleep(0.3)


class AwayError(Exception):
    """An answer that says to come back."""


def answered(response: httpx.Response) -> httpx.Response:
    """The response, unless it asks to come back later."""
    if response.status_code in (500, 502, 503, 504):
        raise AwayError(response.text)
    return response


def submit(person: Person, key: str, **params: Any) -> httpx.Response:
    """What a page does: it asks who is signed in, which tells the token, and writes."""
    token = answered(person.http.get("/api/v1/me")).json()["csrf_token"]
    headers = {"X-CSRFToken": token, "Idempotency-Key": key}
    return answered(person.http.post("/api/v1/jobs", json=params_of(**params), headers=headers))


@dataclass
class Siege:
    """A portal, its people and what they asked for."""

    portal: Portal
    database: str
    """Its PostgreSQL."""
    people: list[Person]
    asked: dict[str, Person] = field(default_factory=dict)
    """Every job that has been asked for, and by whom."""
    fresh: set[str] = field(default_factory=set)
    """Those of the present scenario."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, person: Person, **params: Any) -> str:
        """Submit one job, with a key, as often as it takes."""
        key = secrets.token_hex(8)
        answer = insist(lambda: submit(person, key, **params))
        assert answer.status_code in (200, 202), answer.text
        job_id: str = answer.json()["id"]
        with self._lock:
            self.asked[job_id] = person
            self.fresh.add(job_id)
        return job_id

    def ask_all(self, each: int, **params: Any) -> list[str]:
        """``each`` jobs of everybody, all at the same time."""

        def one(person: Person) -> list[str]:
            return [self.ask(person, seed=seed, **params) for seed in range(each)]

        with ThreadPoolExecutor(len(self.people)) as pool:
            return [job_id for ids in pool.map(one, self.people) for job_id in ids]

    def unfinished(self) -> int:
        """Jobs that wait or run."""
        return self._count("SELECT count(*) FROM generation_job WHERE state IN ('queued', 'running', 'held')")

    def running(self) -> int:
        """Jobs that run."""
        return self._count("SELECT count(*) FROM generation_job WHERE state = 'running'")

    def wait_finished(self, *, seconds: float = 240.0) -> None:
        """Until nothing waits or runs."""
        eventually(lambda: insist(self.unfinished) == 0, seconds=seconds, what="the end of all jobs")

    def _count(self, query: LiteralString) -> int:
        ((count,),) = self.rows(query)
        return int(count)

    def rows(self, query: LiteralString, *values: str) -> list[tuple[Any, ...]]:
        """What the portal's database says."""
        try:
            with psycopg.connect(self.database) as connection:
                return connection.execute(query, values).fetchall()
        except psycopg.OperationalError as problem:
            raise AwayError(str(problem)) from problem

    def account(self, *, attempts: int | None = None) -> collections.Counter[int]:
        """Nothing lost, doubled or charged twice; returns how many jobs needed how many attempts."""
        counted: collections.Counter[int] = collections.Counter()
        for job_id in self.fresh:
            person = self.asked[job_id]
            job = insist(lambda person=person, job_id=job_id: person.job(job_id))  # type: ignore[misc]
            assert job["state"] == "done", (job_id, job["error"])
            assert [image["index"] for image in job["images"]] == list(range(job["params"]["batch_size"]))
            counted[job["attempt"]] += 1
        if attempts is not None:
            assert max(counted) <= attempts, counted
        self._files_are_those_of_the_rows()
        self._ledger_is_right()
        for person in self.people:
            self._quota_is_right(person)
        return counted

    def _files_are_those_of_the_rows(self) -> None:
        rows = {name for (name,) in self.rows("SELECT file_key FROM gallery_image")}
        root = self.portal.data_dir / "media"
        files = {str(path.relative_to(root)) for path in root.rglob("*.png") if "uploads" not in path.parts}
        assert rows <= files, "a picture without its file"
        # One that was being written when its worker was killed may be left; the sweeper takes it later.
        assert len(rows) == sum(
            count for (count,) in self.rows("SELECT count(*) FROM gallery_image GROUP BY job_id, index")
        )

    def _ledger_is_right(self) -> None:
        charged = self.rows(
            "SELECT j.id FROM generation_job j JOIN generation_gpuuse u"
            " ON u.job_id = j.id AND u.attempt = j.attempt WHERE j.state = 'done'"
        )
        done = self.rows("SELECT id FROM generation_job WHERE state = 'done'")
        assert sorted(charged) == sorted(done), "a finished job was charged not once"
        twice = self.rows("SELECT job_id FROM generation_gpuuse GROUP BY job_id, attempt HAVING count(*) > 1")
        assert not twice

    def _quota_is_right(self, person: Person) -> None:
        used = insist(lambda: answered(person.http.get("/api/v1/me/limits"))).json()
        mine = [job_id for job_id, owner in self.asked.items() if owner is person]
        assert (used["jobs_waiting"]["used"], used["jobs_running"]["used"]) == (0, 0)
        assert used["gpu_seconds_per_day"]["ahead"] == 0
        ((seconds,),) = self.rows(
            "SELECT coalesce(sum(u.seconds), 0) FROM generation_gpuuse u"
            " JOIN accounts_user p ON p.id = u.user_id WHERE p.username = %s",
            person.name,
        )
        # The ledger is of ever, the quota of today.
        assert used["gpu_seconds_per_day"]["used"] <= seconds + 0.1
        assert used["pictures"]["used"] == len(mine)


@contextmanager
def people_of(portal: Portal) -> Iterator[list[Person]]:
    """Ten who have just registered."""
    people = [Person.new(portal) for _ in range(PEOPLE)]
    yield people
    for person in people:
        person.http.close()


def table(title: str, **figures: object) -> None:
    """Print what a scenario measured; pytest shows it with ``-s`` or ``-rP``."""
    print(f"\n{title}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()))  # noqa: T201
