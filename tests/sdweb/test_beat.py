"""Celery's beat and a clock that is set."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from celery.beat import PersistentScheduler

from sdweb.beat import SteadyScheduler
from sdweb.celery import app

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
EVERY = timedelta(seconds=10)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tasks that were sent; there is no broker here."""
    names: list[str] = []
    monkeypatch.setattr(
        PersistentScheduler, "apply_entry", lambda _self, entry, **_: names.append(entry.name)
    )
    return names


@pytest.fixture
def scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SteadyScheduler]:
    """With one task, due every ten seconds."""
    monkeypatch.setitem(app.conf, "beat_schedule", {"look": {"task": "look", "schedule": EVERY}})
    with time_machine.travel(NOON, tick=False):
        made = SteadyScheduler(app=app, schedule_filename=str(tmp_path / "schedule"))
    yield made
    made.close()


def sent_at(scheduler: SteadyScheduler, moment: datetime, sent: list[str]) -> int:
    """How many tasks are sent by the rounds that beat makes in that moment."""
    sent.clear()
    with time_machine.travel(moment, tick=False):
        while scheduler.tick() == 0:
            pass
    return len(sent)


def test_tasks_go_on_when_the_clock_is_set_back(scheduler: SteadyScheduler, sent: list[str]) -> None:
    assert sent_at(scheduler, NOON + EVERY, sent) == 1
    earlier = NOON - timedelta(hours=1)
    assert sent_at(scheduler, earlier, sent) == 0
    assert sent_at(scheduler, earlier + EVERY, sent) == 1


def test_tasks_run_once_when_the_clock_is_set_ahead(scheduler: SteadyScheduler, sent: list[str]) -> None:
    later = NOON + timedelta(hours=1)
    assert sent_at(scheduler, later, sent) == 1
    assert sent_at(scheduler, later + EVERY / 2, sent) == 0


def test_beat_sleeps_until_the_next_task(scheduler: SteadyScheduler, sent: list[str]) -> None:
    del sent
    with time_machine.travel(NOON + EVERY / 2, tick=False):
        assert 0 < scheduler.tick() <= EVERY.total_seconds() / 2
