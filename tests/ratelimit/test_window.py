"""The sliding window, in this process and in a real Redis: never more than the limit in any window."""

import logging
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from sdweb.launcher.machine import free_port
from sdweb.launcher.redis_server import EmbeddedRedis, redis_answers, redis_prepare
from sdweb.ratelimit.limiter import Budget, Limiter
from sdweb.ratelimit.rates import OFF, Rate, rate_read
from sdweb.ratelimit.window import CLIENTS_KEPT, PARTS, LocalWindow, RedisWindow, Window
from tests.integration.portal import eventually


class TestRates:
    @pytest.mark.parametrize(
        ("text", "rate"),
        [("100/60", Rate(100, 60)), ("0", OFF), (" 5/1 ", Rate(5, 1)), ("1/86400", Rate(1, 86400))],
    )
    def test_are_read(self, text: str, rate: Rate) -> None:
        assert rate_read(text) == rate

    @pytest.mark.parametrize("text", ["", "100", "100/0", "-1/60", "100/86401", "1e3/60", "100/60/2", "٣/60"])
    def test_others_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="requests/seconds"):
            rate_read(text)


class TestLocally:
    @given(st.lists(st.floats(0, 30), max_size=200), st.integers(1, 12), st.integers(1, 90))
    def test_no_window_holds_more_than_the_limit(self, pauses: list[float], limit: int, seconds: int) -> None:
        window, rate, now = LocalWindow(), Rate(limit, seconds), 1000.0
        taken: list[float] = []
        for pause in pauses:
            now += pause
            if window.take("a", rate, now=now).allowed:
                taken.append(now)
        for end in taken:
            assert sum(end - seconds < moment <= end for moment in taken) <= limit

    @given(st.floats(0, 1e6), st.integers(1, 20), st.integers(1, 3600))
    def test_after_the_wait_that_was_told_one_is_let_in(self, start: float, limit: int, seconds: int) -> None:
        window, rate = LocalWindow(), Rate(limit, seconds)
        for _ in range(limit):
            assert window.take("a", rate, now=start).allowed
        refused = window.take("a", rate, now=start)
        assert (refused.allowed, refused.remaining) == (False, 0)
        assert refused.wait <= seconds * (1 + 1 / PARTS) + 1e-6
        assert window.take("a", rate, now=start + refused.wait + 1e-6 * seconds).allowed

    def test_asking_in_vain_does_not_make_it_longer(self) -> None:
        window, rate = LocalWindow(), Rate(1, 60)
        assert window.take("a", rate, now=0).allowed
        assert not any(window.take("a", rate, now=second).allowed for second in range(1, 61))
        assert window.take("a", rate, now=61).allowed

    def test_clients_have_budgets_of_their_own(self) -> None:
        window, rate = LocalWindow(), Rate(1, 60)
        assert window.take("a", rate, now=0).allowed
        assert window.take("b", rate, now=0).allowed

    def test_what_is_kept_is_bounded(self) -> None:
        window, rate = LocalWindow(), Rate(1, 60)
        for number in range(CLIENTS_KEPT + 10):
            window.take(str(number), rate, now=0)
        assert len(window._clients) == CLIENTS_KEPT


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A real Redis."""
    redis = redis_prepare(tmp_path_factory.mktemp("redis"), free_port())
    process = subprocess.Popen(redis.argv)
    eventually(lambda: redis_answers(redis.port, redis.password), what="Redis")
    yield redis
    process.kill()
    process.wait()


@pytest.mark.integration
class TestInRedis:
    def test_processes_share_one_budget(self, server: EmbeddedRedis) -> None:
        windows = [RedisWindow(server.url) for _ in range(4)]
        rate, allowed = Rate(50, 600), []

        def ask(window: Window) -> None:
            allowed.extend([window.take("shared", rate).allowed for _ in range(25)])

        threads = [threading.Thread(target=ask, args=(window,)) for window in windows]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (allowed.count(True), allowed.count(False)) == (50, 50)

    def test_tells_what_is_left_and_how_long_to_wait(self, server: EmbeddedRedis) -> None:
        window, rate = RedisWindow(server.url), Rate(2, 600)
        assert [window.take("told", rate).remaining for _ in range(2)] == [1, 0]
        refused = window.take("told", rate)
        assert not refused.allowed
        assert 0 < refused.wait <= 610

    def test_the_budget_comes_back(self, server: EmbeddedRedis) -> None:
        window, rate = RedisWindow(server.url), Rate(3, 1)
        while window.take("back", rate).allowed:
            pass
        assert eventually(lambda: window.take("back", rate).allowed, seconds=10)

    def test_nothing_is_kept_for_longer_than_it_counts(self, server: EmbeddedRedis) -> None:
        window = RedisWindow(server.url)
        window.take("kept", Rate(5, 60))
        assert 0 < int(window._client.ttl("sdweb:rate:kept:5/60")) <= 61


class TestWithoutRedis:
    def test_each_process_counts_by_itself_and_says_so_once(
        self, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.RATE_LIMIT = Rate(3, 60)
        limiter = Limiter(RedisWindow(f"redis://127.0.0.1:{free_port()}/0"))
        with caplog.at_level(logging.INFO, logger="sdweb.ratelimit"):
            verdicts = [limiter.take("a") for _ in range(4)]
        assert [verdict.allowed for verdict in verdicts if verdict] == [True, True, True, False]
        assert [record.levelname for record in caplog.records] == ["WARNING"]

    @pytest.mark.integration
    def test_it_goes_back_to_redis(
        self,
        settings: Settings,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        settings.RATE_LIMIT = Rate(100, 60)
        monkeypatch.setattr("sdweb.ratelimit.limiter.AWAY_SECONDS", 0.0)
        redis = redis_prepare(tmp_path, free_port())
        limiter = Limiter(RedisWindow(redis.url))
        with caplog.at_level(logging.INFO, logger="sdweb.ratelimit"):
            limiter.take("a")
            process = subprocess.Popen(redis.argv)
            try:
                eventually(lambda: redis_answers(redis.port, redis.password), what="Redis")
                limiter.take("a")
            finally:
                process.kill()
                process.wait()
            limiter.take("a")
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]

    def test_no_limit_asks_nobody(self, settings: Settings) -> None:
        settings.PICTURE_RATE_LIMIT = OFF
        limiter = Limiter(RedisWindow(f"redis://127.0.0.1:{free_port()}/0"))
        assert limiter.take("a", Budget.PICTURES) is None
