"""The life of a running portal: Redis, the database brought up to date, processes, ready line, stop."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass

from sdweb.launcher.console import LaunchError, detail, say, step, success
from sdweb.launcher.gpus import Seat, gpus_visible, seats
from sdweb.launcher.machine import free_port
from sdweb.launcher.options import Options, child_environment
from sdweb.launcher.paths import ROOT, venv_bin
from sdweb.launcher.redis_server import EmbeddedRedis, redis_answers, redis_prepare
from sdweb.launcher.services import background_services, gpu_services, redis_service, web_service
from sdweb.supervisor import Supervisor

_REDIS_SECONDS = 10.0
_PAGE_SECONDS = 120.0
_PASSWORD_LINE = re.compile(r"^ADMIN_PASSWORD=(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Prepared:
    """What the preparation found out. ``password`` is the first administrator's, where one was made now."""

    password: str
    username: str


async def serve(options: Options) -> int:
    """Run the portal until SIGINT or SIGTERM; a second signal cuts the stop short. Returns 0.

    Raises LaunchError when it cannot be brought up.
    """
    stopping = asyncio.Event()
    supervisor = Supervisor(_write, colour=sys.stdout.isatty())
    _on_signals(stopping, supervisor)
    try:
        bring_up = _join if options.only_workers else _bring_up
        await _until(stopping, bring_up(options, supervisor))
        await stopping.wait()
        return 0
    finally:
        say("Stopping ...")
        started = time.monotonic()
        await supervisor.stop()
        say(f"Stopped in {time.monotonic() - started:.1f} s.")


async def prepare_only(options: Options) -> int:
    """``--setup-only``: bring the database up to date and start nothing. Returns 0."""
    prepared = await _prepare(child_environment(options, options.redis_url or "redis://127.0.0.1:6379/0"))
    _introduce(prepared)
    say("Everything is set up. Start with:  ./run")
    return 0


async def _bring_up(options: Options, supervisor: Supervisor) -> None:
    url, redis = options.redis_url, None
    if not url:
        redis = redis_prepare(options.data_dir, free_port())
        url = redis.url
    env = child_environment(options, url)
    if redis:
        supervisor.start(redis_service(redis, env))
        await _wait_for_redis(redis)
    prepared = await _prepare(env)
    # The page first: on few cores the others' start would delay it.
    supervisor.start(web_service(options, env))
    for gpu in gpu_services(options, env, _seats(options)):
        supervisor.start(gpu)
    try:
        if not await _page_answers(options):
            detail(f"No page after {_PAGE_SECONDS:.0f} s; the lines that begin with 'web' say why.")
            return
        say()
        success(f"The portal is ready:  http://{_shown_host(options.host)}:{options.port}/")
    finally:
        _introduce(prepared)
        for service in background_services(options, env):
            supervisor.start(service)
    say("Stop it with Ctrl+C.\n")


async def _join(options: Options, supervisor: Supervisor) -> None:
    """GPU workers alone, for a portal on another machine."""
    env = child_environment(options, options.redis_url)
    with step("Database, Redis, clock"):
        code, output, errors = await _run_module("sdweb.launcher.joining", env)
    if code != 0:
        raise LaunchError("This machine cannot join the portal.", output or errors[-3000:])
    workers = gpu_services(options, env, _seats(options))
    for worker in workers:
        supervisor.start(worker)
    success(f"Started for the portal: {', '.join(worker.name for worker in workers)}")
    say("Stop with Ctrl+C: unfinished jobs go back to the queue.\n")


def _seats(options: Options) -> list[Seat]:
    return seats(gpus_visible(options.device, os.environ), options.workers, os.environ)


async def _prepare(env: Mapping[str, str]) -> Prepared:
    with step("Database, first administrator, models"):
        code, output, errors = await _run_module("sdweb.launcher.prepare", env)
    if code != 0:
        # With standard output: the administrator may have been made, and the password is shown only once.
        raise LaunchError("The database could not be brought up to date.", output + errors[-3000:])
    found = _PASSWORD_LINE.search(output)
    for line in _PASSWORD_LINE.sub("", output).splitlines():
        if line.strip():
            detail(line.strip())
    return Prepared(
        password=found.group(1) if found else "", username=env.get("SDWEB_ADMIN_USERNAME") or "admin"
    )


async def _run_module(name: str, env: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a module in the virtual environment to its end: exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        str(venv_bin("python")),
        "-m",
        name,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        cwd=ROOT,
    )
    try:
        output, errors = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    return process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace")


def _introduce(prepared: Prepared) -> None:
    if prepared.password:
        success(f"First administrator:  {prepared.username}   password:  {prepared.password}")
        say("This password is shown once: write it down, or change it in the portal.")


async def _wait_for_redis(redis: EmbeddedRedis) -> None:
    deadline = time.monotonic() + _REDIS_SECONDS
    while not await asyncio.to_thread(redis_answers, redis.port, redis.password):
        if time.monotonic() > deadline:
            raise LaunchError(
                "The embedded Redis does not answer.",
                "The lines above that begin with 'redis' say why; or set SDWEB_REDIS_URL.",
            )
        await asyncio.sleep(0.05)


async def _page_answers(options: Options) -> bool:
    """Wait until the web server answers on its health page."""
    deadline = time.monotonic() + _PAGE_SECONDS
    while time.monotonic() < deadline:
        if await asyncio.to_thread(_health_is_ok, _shown_host(options.host), options.port):
            return True
        await asyncio.sleep(0.1)
    return False


def _health_is_ok(host: str, port: int) -> bool:
    request = f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((host.strip("[]"), port), timeout=5) as connection:
            connection.sendall(request.encode())
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def _shown_host(host: str) -> str:
    """The name by which this machine itself reaches the portal."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - recognised, not bound
        return "localhost" if host == "::" else "127.0.0.1"
    return f"[{host}]" if ":" in host else host


async def _until(stopping: asyncio.Event, work: Coroutine[object, object, None]) -> None:
    """Do ``work``, but leave it when a stop is asked for meanwhile."""
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(stopping.wait())
    await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not doing.done():
        doing.cancel()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await doing


def _on_signals(stopping: asyncio.Event, supervisor: Supervisor) -> None:
    def received() -> None:
        if stopping.is_set():
            supervisor.hurry()
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, received)


def _write(line: str) -> None:
    # The terminal may be gone (a closed ssh session): the portal goes on, or stops in order, without it.
    with contextlib.suppress(OSError):
        os.write(1, (line + "\n").encode())
