"""The supervisor with real processes: restarts, delays, the order of stopping, the log lines."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sdweb.supervisor import Service, Supervisor, Timing

FAST = Timing(first_delay=0.05, max_delay=0.2, steady=5.0, grace=1.0, last_grace=1.0)
SLEEP = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


class Log:
    """Collects the lines that a supervisor writes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def with_text(self, text: str) -> list[str]:
        return [line for line in self.lines if text in line]


@pytest.fixture
def log() -> Log:
    return Log()


def service(name: str, code: str, *, stops_last: bool = False) -> Service:
    return Service(name, (sys.executable, "-c", code), dict(os.environ), Path.cwd(), stops_last=stops_last)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_killed_service_is_started_again(log: Log) -> None:
    supervisor = Supervisor(log, colour=False, timing=FAST)
    supervisor.start(service("gpu", SLEEP))
    await until(lambda: len(log.with_text("up")) == 1)
    first = supervisor.pid("gpu")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: len(log.with_text("up")) == 2)
    assert supervisor.pid("gpu") != first
    assert supervisor.restarts("gpu") == 1
    assert log.with_text("was killed by SIGKILL; starting it again in 0.05 s")
    await supervisor.stop()


async def test_a_service_that_keeps_dying_waits_longer_each_time(log: Log) -> None:
    supervisor = Supervisor(log, colour=False, timing=FAST)
    supervisor.start(service("web", "raise SystemExit(3)"))
    await until(lambda: supervisor.restarts("web") >= 4)
    await supervisor.stop()
    delays = [float(line.split(" in ")[1].split()[0]) for line in log.with_text("exit code 3")]
    assert delays[:4] == [0.05, 0.1, 0.2, 0.2]


async def test_a_program_that_does_not_exist_is_reported_not_fatal(log: Log) -> None:
    supervisor = Supervisor(log, colour=False, timing=FAST)
    supervisor.start(Service("io", ("/no/such/program",), {}, Path.cwd()))
    await until(lambda: bool(log.with_text("could not be started")))
    await supervisor.stop()


async def test_what_the_others_need_stops_last(log: Log) -> None:
    says_goodbye = (
        "import signal, sys, time\n"
        "def bye(*_): print('bye', time.monotonic_ns(), flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, bye); print('up', flush=True); time.sleep(60)"
    )
    supervisor = Supervisor(log, colour=False, timing=FAST)
    supervisor.start(service("redis", says_goodbye, stops_last=True))
    supervisor.start(service("web", says_goodbye))
    await until(lambda: len(log.with_text("up")) == 2)
    await supervisor.stop()
    times = {line.split()[0]: int(line.split()[-1]) for line in log.with_text("bye")}
    assert times["web"] < times["redis"]


async def test_a_service_that_ignores_the_signal_is_killed_within_the_grace_time(log: Log) -> None:
    supervisor = Supervisor(log, colour=False, timing=FAST)
    supervisor.start(service("gpu", STUBBORN))
    await until(lambda: bool(log.with_text("up")))
    pid = supervisor.pid("gpu")
    started = time.monotonic()
    await supervisor.stop()
    assert 0.9 < time.monotonic() - started < 3
    assert log.with_text("did not stop in time; killing it")
    assert pid is not None
    assert not alive(pid)


async def test_a_second_signal_cuts_the_grace_time_short(log: Log) -> None:
    patient = Timing(grace=30.0, last_grace=30.0)
    supervisor = Supervisor(log, colour=False, timing=patient)
    supervisor.start(service("gpu", STUBBORN))
    await until(lambda: bool(log.with_text("up")))
    asyncio.get_running_loop().call_later(0.2, supervisor.hurry)
    started = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - started < 5


async def test_stopping_ends_the_wait_for_a_restart_too(log: Log) -> None:
    slow = Timing(first_delay=30.0)
    supervisor = Supervisor(log, colour=False, timing=slow)
    supervisor.start(service("web", "raise SystemExit(1)"))
    await until(lambda: bool(log.with_text("exit code 1")))
    started = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - started < 2
    assert supervisor.restarts("web") == 0


async def test_grandchildren_go_with_their_parent(log: Log) -> None:
    parent = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('child', child.pid, flush=True); time.sleep(60)"
    )
    supervisor = Supervisor(log, colour=False, timing=FAST)
    supervisor.start(service("gpu", parent))
    await until(lambda: bool(log.with_text("child")))
    child = int(log.with_text("child")[0].split()[-1])
    pid = supervisor.pid("gpu")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: supervisor.pid("gpu") not in (pid, None))
    await until(lambda: not _running(child))
    await supervisor.stop()


def _running(pid: int) -> bool:
    """Alive and no zombie: an orphan's new parent may take its time to bury it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


async def test_lines_carry_the_name_and_endless_lines_are_cut(log: Log) -> None:
    supervisor = Supervisor(log, colour=False, timing=FAST)
    supervisor.start(
        service(
            "beat",
            "print('x' * 100_000); print('no newline', end='', flush=True); import time; time.sleep(60)",
        )
    )
    await until(lambda: sum(line.count("x") for line in log.lines) == 100_000)
    assert all(line.startswith("beat  | ") for line in log.lines)
    assert max(map(len, log.lines)) < 40_000
    await supervisor.stop()
    assert log.with_text("no newline")


async def test_colour_only_where_asked_for(log: Log) -> None:
    supervisor = Supervisor(log, colour=True, timing=FAST)
    supervisor.start(service("web", SLEEP))
    await until(lambda: bool(log.with_text("up")))
    await supervisor.stop()
    assert log.lines[0] == "\033[36mweb   |\033[0m up"
