"""Real servers for the tests, each on a free port of loopback, in a folder that goes away with them."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sdweb.launcher.console import LaunchError
from sdweb.launcher.machine import free_port
from sdweb.launcher.redis_server import redis_answers, redis_prepare
from sdweb.launcher.shell import succeeds
from sdweb.supervisor import die_with_parent

_START_SECONDS = 60.0


@contextmanager
def redis_running(folder: Path) -> Iterator[str]:
    """A Redis for the length of the block; gives its address."""
    redis = redis_prepare(folder, free_port())
    process = _server(redis.argv)
    try:
        _wait(lambda: redis_answers(redis.port, redis.password), process, "Redis")
        yield redis.url
    finally:
        _stop(process)


@dataclass
class PostgresServer:
    """A cluster of its own; ``url`` is the address of its empty database."""

    url: str
    _argv: list[str]
    _ready: list[str]
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = _server(self._argv)
        _wait(lambda: succeeds(self._ready), self._process, "PostgreSQL")

    def stop(self) -> None:
        """A fast shutdown, which does not wait for its clients."""
        if self._process is not None:
            _stop(self._process)

    def restart(self) -> None:
        """Its clients lose their connections, and nothing that was committed."""
        self.stop()
        self.start()


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL cluster of its own for the length of the block.

    The server refuses to run as root: then it and its files belong to the user ``postgres``. Durability is
    switched off, as the cluster lives for one test run.
    """
    binaries = postgres_binaries()
    if binaries is None:
        raise LaunchError(
            "There is no PostgreSQL server on this machine.", "Install it: apt install postgresql"
        )
    cluster, password, port = folder / "postgres", secrets.token_urlsafe(16), free_port()
    cluster.mkdir(mode=0o700)
    password_file = cluster / "password"
    password_file.write_text(password)
    as_server = _unprivileged(cluster)
    data = cluster / "data"
    initdb = [
        *as_server, binaries / "initdb", "-D", data, "-U", "sdweb", "-A", "scram-sha-256",
        f"--pwfile={password_file}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
    ]  # fmt: skip
    done = subprocess.run(
        [str(part) for part in initdb], capture_output=True, text=True, check=False, cwd="/"
    )
    if done.returncode != 0:
        raise LaunchError("The test database could not be made.", done.stderr[-2000:])
    relaxed = [f"-c{name}=off" for name in ("fsync", "synchronous_commit", "full_page_writes")]
    argv = [
        *as_server, binaries / "postgres", "-D", data, "-k", cluster, "-h", "127.0.0.1", "-p", port, *relaxed,
        "-cmax_connections=200", "-clog_min_messages=fatal",
    ]  # fmt: skip
    server = PostgresServer(
        url=f"postgres://sdweb:{password}@127.0.0.1:{port}/postgres",
        _argv=[str(part) for part in argv],
        _ready=[str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)],
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def postgres_running(folder: Path) -> Iterator[str]:
    """The same; gives its address."""
    with postgres_server(folder) as server:
        yield server.url


def postgres_binaries() -> Path | None:
    """The folder of the newest PostgreSQL server; Debian keeps it off PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if debian:
        return debian[-1]
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _unprivileged(folder: Path) -> Sequence[str]:
    """The words that run a command as the owner of ``folder``, which becomes an ordinary user."""
    if os.geteuid() != 0:
        return ()
    user = pwd.getpwnam("postgres")
    for path in (folder, *folder.iterdir()):
        os.chown(path, user.pw_uid, user.pw_gid)
    return ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")


def _server(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl+C is for the tests; the servers are stopped when these have ended
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
    )


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise LaunchError(f"{name} for the tests did not start.")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    # SIGINT is PostgreSQL's fast shutdown, which does not wait for its clients; Redis stops on it as well.
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
