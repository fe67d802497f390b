"""The clock of the portal's machine is set ahead and back while jobs run: none lost, none doubled."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.siege import Siege, people_of, table
from tests.integration.portal import eventually, own_database, portal_running

HOUR = timedelta(hours=1)
LIMIT_SECONDS = 120.0
"""For what a few tiny jobs take, far below the hour that would pass if somebody waited for the clock."""
SEEN_SECONDS = 0.5
"""Within which a process of the portal has looked at its clock's file, many times."""

pytestmark = [pytest.mark.faults, pytest.mark.postgres]


@dataclass(frozen=True)
class Clock:
    """The wall clock of all processes of the portal; the test's own and the database's stay as they are."""

    file: Path

    def set(self, ahead: timedelta) -> None:
        """Show so much more than the time of day, in all processes when this returns."""
        draft = self.file.with_suffix(".new")
        draft.write_text(str(ahead.total_seconds()))
        draft.replace(self.file)
        time.sleep(SEEN_SECONDS)


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock") / "ahead")


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory, models: Path, clock: Clock) -> Iterator[Siege]:
    """Two GPU workers and ten people."""
    jumping = {
        "DJANGO_SETTINGS_MODULE": "tests.faults.jumping_clock",
        "JUMPING_CLOCK": str(clock.file),
    }
    folder = tmp_path_factory.mktemp("clocks")
    with own_database() as database:
        if not database:
            pytest.skip("the account of what people got reads PostgreSQL")
        settings = {**database, **jumping}
        with (
            portal_running(folder, models=models, settings=settings, arguments=("--workers", "2")) as portal,
            people_of(portal) as people,
        ):
            yield Siege(portal, database["SDWEB_DATABASE_URL"], people)


def test_the_clock_is_set_ahead_and_back_while_jobs_run(siege: Siege, clock: Clock) -> None:
    """Ahead, every lease has ended at once; back, every lease ends in an hour, also that of a worker who is
    killed in that moment, and whoever waits for a time of day waits an hour: nobody may.
    """
    began = time.monotonic()
    siege.ask_all(2, steps=30)
    eventually(lambda: siege.running() > 0, seconds=60, what="work")
    clock.set(HOUR)
    siege.wait_finished(seconds=LIMIT_SECONDS)
    ahead = siege.account()

    siege.fresh.clear()
    siege.ask_all(2, steps=30)
    eventually(lambda: siege.running() > 0, seconds=60, what="work an hour later")
    victim = _worker_with_a_job(siege)
    os.kill(victim, signal.SIGKILL)  # its lease is an hour long when the clock is set
    clock.set(timedelta(0))
    siege.wait_finished(seconds=LIMIT_SECONDS)
    back = siege.account()
    assert max(back) > 1, f"{victim} had no job when it was killed"
    table(
        "clock",
        attempts_when_set_ahead=dict(ahead),
        attempts_when_set_back=dict(back),
        seconds=round(time.monotonic() - began),
    )


def _worker_with_a_job(siege: Siege) -> int:
    """Its process. The job's lease is told by the clock that was set, or nothing would be tried here."""
    ((worker, is_ahead),) = siege.rows(
        "SELECT worker, lease_expires_at > now() + interval '59 minutes' FROM generation_job"
        " WHERE state = 'running' LIMIT 1"
    )
    assert is_ahead
    return int(worker.split(":")[1])


def test_new_jobs_are_served_after_the_clock_was_set_back(siege: Siege, clock: Clock) -> None:
    """What was done in the hour that has not come yet keeps nobody from getting a new picture."""
    clock.set(HOUR)
    siege.fresh.clear()
    siege.ask_all(1, steps=4)
    siege.wait_finished(seconds=LIMIT_SECONDS)
    clock.set(timedelta(0))
    siege.ask_all(1, steps=4)
    siege.wait_finished(seconds=LIMIT_SECONDS)
    siege.account(attempts=1)
