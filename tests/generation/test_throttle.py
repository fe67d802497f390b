"""Wanted often, done seldom, and the last change is always told."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from generation.throttle import Throttle


class Timers:
    """Stands in for the clock and its timers: time passes when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waiting: list[tuple[float, Any]] = []

    def monotonic(self) -> float:
        return self.now

    def timer(self, seconds: float, action: Any) -> Any:
        due = (self.now + seconds, action)

        return SimpleNamespace(start=lambda: self.waiting.append(due))

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for due in [one for one in self.waiting if one[0] <= self.now]:
            self.waiting.remove(due)
            due[1]()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Timers:
    """One second between two runs."""
    settings.QUEUE_NEWS_SECONDS = 1.0
    timers = Timers()
    monkeypatch.setattr("generation.throttle.time.monotonic", timers.monotonic)
    monkeypatch.setattr("generation.throttle.threading.Timer", timers.timer)
    monkeypatch.setattr("generation.throttle.connections.close_all", lambda: None)  # the test's own
    return timers


def test_the_first_at_once_and_of_the_others_one_more(clock: Timers) -> None:
    runs: list[float] = []
    news = Throttle(lambda: runs.append(clock.now))
    for _ in range(50):
        news.run()
    assert runs == [100.0]
    clock.advance(0.5)
    news.run()
    assert runs == [100.0]
    clock.advance(0.5)
    assert runs == [100.0, 101.0]
    clock.advance(5)
    assert len(runs) == 2
    news.run()
    assert runs == [100.0, 101.0, 106.0]


def test_a_failure_later_is_not_the_end(clock: Timers, caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []

    def action() -> None:
        runs.append(1)
        if len(runs) == 2:
            raise RuntimeError("the database is away")

    news = Throttle(action)
    news.run()
    news.run()
    clock.advance(1)
    assert "could not be told" in caplog.text
    news.run()
    clock.advance(1)
    assert len(runs) == 3


def test_many_threads_are_one_run(settings: Any) -> None:
    settings.QUEUE_NEWS_SECONDS = 3600.0
    runs: list[int] = []
    news = Throttle(lambda: runs.append(1))
    threads = [threading.Thread(target=news.run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs == [1]
