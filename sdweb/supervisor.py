"""Keeps the portal's processes alive on one machine, and stops them in order.

Each service runs in a process group of its own, so that Ctrl+C reaches the supervisor alone and the order of
stopping is decided here: everybody gets SIGTERM, those who are left get SIGKILL, and what the others need
(Redis) goes last.
A service that dies is started again after a delay that doubles while it keeps dying. Standard library only.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PALETTE = (36, 33, 35, 32, 34, 31)
_MAX_LINE = 16 * 1024
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Service:
    """One process to keep running. ``stops_last`` is for what the other services need until their end."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    stops_last: bool = False


@dataclass(frozen=True)
class Timing:
    """Delays in seconds. ``grace`` and ``last_grace`` bound a whole stop: SIGKILL comes after them."""

    first_delay: float = 0.5
    max_delay: float = 30.0
    steady: float = 20.0
    """A service that lived this long starts over with ``first_delay``."""
    grace: float = 6.0
    last_grace: float = 2.0


@dataclass
class _Running:
    service: Service
    task: "asyncio.Task[None] | None" = None
    pid: int | None = None
    restarts: int = 0
    colour: int = field(default=37)


class Supervisor:
    """Starts services, restarts the ones that die, stops them all. Used from one event loop."""

    def __init__(self, write: Callable[[str], None], *, colour: bool, timing: Timing | None = None) -> None:
        self._write = write
        self._colour = colour
        self._timing = timing or Timing()
        self._running: dict[str, _Running] = {}
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()

    def start(self, service: Service) -> None:
        """Start a service and keep it running from now on."""
        running = _Running(service, colour=_PALETTE[len(self._running) % len(_PALETTE)])
        self._running[service.name] = running
        running.task = asyncio.create_task(self._keep_running(running), name=f"keep {service.name}")

    def restarts(self, name: str) -> int:
        """How often a service was started again."""
        return self._running[name].restarts

    def pid(self, name: str) -> int | None:
        """The process id of a service, None while it is down."""
        return self._running[name].pid

    def hurry(self) -> None:
        """Cut the grace time of a stop short."""
        self._hurry.set()

    async def stop(self) -> None:
        """Stop everything; returns when no process is left, at most ``grace + last_grace`` seconds later."""
        self._stopping.set()
        first = [one for one in self._running.values() if not one.service.stops_last]
        last = [one for one in self._running.values() if one.service.stops_last]
        await self._stop_group(first, self._timing.grace)
        await self._stop_group(last, self._timing.last_grace)

    async def _stop_group(self, group: list[_Running], grace: float) -> None:
        tasks = [one.task for one in group if one.task]
        if not tasks:
            return
        for one in group:
            _signal_group(one.pid, signal.SIGTERM)
        await self._wait_for(tasks, grace)
        for one in group:
            if one.pid is not None:
                self._log(one, "did not stop in time; killing it")
                _signal_group(one.pid, signal.SIGKILL)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait_for(self, tasks: "list[asyncio.Task[None]]", grace: float) -> None:
        everybody = asyncio.create_task(asyncio.wait(tasks))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait((everybody, hurry), timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        everybody.cancel()
        hurry.cancel()

    async def _keep_running(self, running: _Running) -> None:
        delay = self._timing.first_delay
        while not self._stopping.is_set():
            started = time.monotonic()
            ending = await self._run_once(running)
            if self._stopping.is_set():
                return
            delay = self._timing.first_delay if time.monotonic() - started >= self._timing.steady else delay
            self._log(running, f"{ending}; starting it again in {delay:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
            if not self._stopping.is_set():
                delay = min(delay * 2, self._timing.max_delay)
                running.restarts += 1

    async def _run_once(self, running: _Running) -> str:
        """Run the process to its end; says how it ended."""
        # A pipe of our own: the process's end is its end, even while a grandchild holds the pipe open.
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *running.service.argv,
                env=dict(running.service.env),
                cwd=running.service.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            os.close(reading)
            return f"could not be started ({error})"
        finally:
            os.close(writing)
        running.pid = process.pid
        if self._stopping.is_set():  # stop() came while the process was being made and could not see it
            _signal_group(process.pid, signal.SIGTERM)
        pump = asyncio.create_task(self._pump(running, reading))
        code = await process.wait()
        running.pid = None
        _signal_group(process.pid, signal.SIGKILL)  # whatever it left behind
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pump, 1)
        return _ending(code)

    async def _pump(self, running: _Running, reading: int) -> None:
        """Pass the process's output on, line by line, with the service's name in front."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
        )
        try:
            rest = b""
            while chunk := await reader.read(_MAX_LINE):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > _MAX_LINE:  # a program that never ends its line shall not fill our memory
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self._log(running, line.decode(errors="replace").rstrip())
            if rest:
                self._log(running, rest.decode(errors="replace").rstrip())
        finally:
            transport.close()

    def _log(self, running: _Running, text: str) -> None:
        name = f"{running.service.name:<5} |"
        self._write(f"\033[{running.colour}m{name}\033[0m {text}" if self._colour else f"{name} {text}")


def _ending(code: int) -> str:
    if code >= 0:
        return f"stopped with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"


def _signal_group(pid: int | None, number: signal.Signals) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)


def die_with_parent() -> None:
    """For ``preexec_fn``: the child is killed when its parent ends, be it by kill -9. Linux only."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
