"""Jobs of ten people while everything around them breaks: none lost, none doubled, quotas right."""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from celery import Celery

from tests.faults.siege import Siege, insist, people_of, submit, table
from tests.integration.portal import Person, Portal, eventually, portal_running
from tests.stages.servers import PostgresServer, postgres_binaries, postgres_server

JOBS_EACH = 20
KILLS = 10
AWAY_SECONDS = 20.0
CELERY_PREFIX = {"global_keyprefix": "sdweb:"}

pytestmark = [
    pytest.mark.faults,
    pytest.mark.postgres,
    pytest.mark.skipif(postgres_binaries() is None, reason="there is no PostgreSQL server"),
]


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    """A server of its own, since it is going to be restarted."""
    with tempfile.TemporaryDirectory(prefix="siege-") as folder:
        Path(folder).chmod(0o755)  # the server runs as another user
        with postgres_server(Path(folder)) as server:
            yield server


@pytest.fixture(scope="module")
def portal(
    tmp_path_factory: pytest.TempPathFactory, models: Path, database: PostgresServer
) -> Iterator[Portal]:
    """Two GPU workers on PostgreSQL."""
    settings = {"SDWEB_DATABASE_URL": database.url, "SDWEB_MAX_ATTEMPTS": str(KILLS + 1)}
    folder = tmp_path_factory.mktemp("siege")
    with portal_running(folder, models=models, settings=settings, arguments=("--workers", "2")) as running:
        yield running


@pytest.fixture(scope="module")
def standing(portal: Portal, database: PostgresServer) -> Iterator[Siege]:
    """Ten people in front of it."""
    with people_of(portal) as people:
        yield Siege(portal, database.url, people)


@pytest.fixture
def siege(standing: Siege) -> Siege:
    """The same people, with something new to ask for."""
    standing.fresh.clear()
    return standing


def test_two_hundred_jobs_and_ten_kills(siege: Siege) -> None:
    """A worker is killed -9 at ten random moments: it costs the jobs in its hands an attempt, no more."""
    chance, began, killed = random.Random(5), time.monotonic(), 0  # noqa: S311 - moments, no secrets
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(siege.ask_all, JOBS_EACH, steps=8)
        while killed < KILLS:
            eventually(lambda: siege.running() > 0, seconds=60, what="work")
            time.sleep(chance.uniform(0.0, 1.0))
            victims = [name for name in ("gpu0", "gpu1") if siege.portal.pid_of(name)]
            if victims and siege.running():
                siege.portal.kill(chance.choice(victims))
                killed += 1
            elif not siege.unfinished():
                siege.ask_all(1, steps=40)
        asking.result()
    siege.wait_finished()
    attempts = siege.account()
    table(
        "kill -9",
        kills=killed,
        jobs=len(siege.fresh),
        lost=0,
        doubled=0,
        attempts=dict(sorted(attempts.items())),
        seconds=round(time.monotonic() - began),
    )


def test_redis_is_restarted_flushed_and_unreachable(siege: Siege) -> None:
    began = time.monotonic()
    siege.ask_all(2, steps=30)
    redis = siege.portal.wait_restarted("redis", siege.portal.kill("redis"))
    siege.portal.flush_redis()
    os.kill(redis, signal.SIGSTOP)
    try:
        stopped = time.monotonic()
        siege.ask_all(1, steps=8)
        asked_after = time.monotonic() - stopped
        time.sleep(max(0.0, AWAY_SECONDS - asked_after))
    finally:
        os.kill(redis, signal.SIGCONT)
    siege.ask_all(1, steps=8)
    siege.wait_finished()
    attempts = siege.account(attempts=1)
    table("Redis", jobs=len(siege.fresh), attempts=dict(attempts), seconds=round(time.monotonic() - began))


def test_the_database_is_restarted(siege: Siege, database: PostgresServer) -> None:
    began = time.monotonic()
    siege.ask_all(2, steps=30)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(siege.ask_all, 2, steps=8)
        for _ in range(2):
            database.restart()
            time.sleep(2.0)
        asking.result()
    siege.wait_finished()
    attempts = siege.account()
    table(
        "PostgreSQL",
        restarts=2,
        jobs=len(siege.fresh),
        attempts=dict(attempts),
        seconds=round(time.monotonic() - began),
    )


def test_the_web_server_is_killed_while_everybody_submits(siege: Siege) -> None:
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(siege.ask_all, 4, steps=8)
        for _ in range(2):
            time.sleep(1.5)
            if siege.portal.pid_of("web"):
                siege.portal.kill("web")
        asking.result()
    siege.wait_finished()
    siege.account(attempts=1)


def test_everything_is_delivered_many_times(siege: Siege) -> None:
    """Doorbells by the dozen, and every request sent by five at once with one key."""
    person = siege.people[0]
    with ThreadPoolExecutor(5) as pool:
        for number in range(4):
            ids = set(pool.map(partial(_submit_again, person), [f"again-{number}"] * 5))
            assert len(ids) == 1
            siege.fresh |= ids
            siege.asked[ids.pop()] = person
    doorbells = Celery(broker=siege.portal.redis_url)
    doorbells.conf.broker_transport_options = CELERY_PREFIX
    for _ in range(60):
        doorbells.send_task("generation.tasks.serve_next", queue="gpu")
    siege.ask_all(1, steps=8)
    siege.wait_finished()
    siege.account(attempts=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_the_disk_is_full_while_pictures_are_stored(siege: Siege) -> None:
    """The job fails with words that help and leaves nothing behind; with room again all is well."""
    person, media = siege.people[0], siege.portal.data_dir / "media"
    with _small_disk(media, megabytes=8):
        filler = media / "filler"
        _fill(filler)
        failed = person.wait_for(siege.ask(person, steps=4))
        assert (failed["state"], failed["error"]["code"]) == ("failed", "storage_failed")
        assert failed["images"] == []
        assert not list(media.rglob("*.png")), "a file of the picture that could not be stored"
        filler.unlink()
        siege.fresh.remove(failed["id"])
        del siege.asked[failed["id"]]
        assert person.wait_for(siege.ask(person, steps=4))["state"] == "done"
    siege.account()


def _submit_again(person: Person, key: str) -> str:
    job_id: str = insist(lambda: submit(person, key, steps=8)).json()["id"]
    return job_id


@contextmanager
def _small_disk(folder: Path, *, megabytes: int) -> Iterator[None]:
    """A file system of that size over ``folder``; what was written to it stays when it goes."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    kept = folder.parent / "kept"
    try:
        yield
        shutil.copytree(folder, kept)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    shutil.copytree(kept, folder, dirs_exist_ok=True)


def _fill(file: Path) -> None:
    with suppress(OSError), file.open("wb", buffering=0) as sink:
        while True:
            sink.write(b"0" * 4096)
