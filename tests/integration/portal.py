"""A running portal and the people who use it, for tests of the whole.

The portal is ``./run`` itself with a data folder of its own, so that what is tested is what people start.
People speak to it by HTTP and WebSocket alone.
"""

import json
import logging
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import psycopg
import redis
from websockets.sync.client import ClientConnection, connect

from sdweb.launcher.machine import free_port
from sdweb.launcher.paths import ROOT
from sdweb.supervisor import die_with_parent

ADMIN_PASSWORD = "the first of all passwords"
START_SECONDS = 240.0
JOB_SECONDS = 180.0
logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every look, where tests wait by looking
_SERVICE = re.compile(r"-n (\w+)@|(daphne)|(redis-server|valkey-server)|(celery.*beat)")

T = TypeVar("T")


def eventually(look: Callable[[], T], *, seconds: float = 30.0, what: str = "it") -> T:
    """Look until there is something to see; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.2)


@dataclass
class Portal:
    """A portal that runs. ``log`` is what it has printed."""

    process: "subprocess.Popen[bytes]"
    port: int
    data_dir: Path
    log_file: Path
    page_after: float = 0.0
    """Seconds from the start to the line that says where the page is."""

    @property
    def url(self) -> str:
        """Where its page is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything it has printed so far."""
        return self.log_file.read_text(errors="replace")

    def pid_of(self, service: str) -> int | None:
        """The process id of ``gpu`` (of several ``gpu0``, ...), ``io``, ``web``, ``redis`` or ``beat``; None
        while it is down.
        """
        for child in _children(self.process.pid):
            found = _SERVICE.search(child.command)
            if found:
                queue, web, server, beat = found.groups()
                name = queue or ("web" if web else "redis" if server else "beat" if beat else "")
                if name == service:
                    return child.pid
        return None

    def kill(self, service: str) -> int:
        """``kill -9`` of a service; returns the process id that it had."""
        pid = self.pid_of(service)
        assert pid is not None, f"{service} does not run"
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, service: str, before: int, *, seconds: float = 10.0) -> int:
        """Wait for another process of that name; returns its id."""

        def look() -> int | None:
            pid = self.pid_of(service)
            return pid if pid not in (None, before) else None

        return eventually(look, seconds=seconds, what=f"the restart of {service}") or 0

    @property
    def redis_url(self) -> str:
        """The portal's own Redis."""
        config = (self.data_dir / "redis/redis.conf").read_text()
        settings = dict(line.split(" ", 1) for line in config.splitlines())
        return f"redis://:{settings['requirepass']}@127.0.0.1:{settings['port']}/0"

    def flush_redis(self) -> None:
        """``FLUSHALL`` on it, as soon as it answers."""

        def flush() -> bool:
            with redis.Redis.from_url(self.redis_url) as client, suppress(redis.ConnectionError):
                return bool(client.flushall())
            return False

        eventually(flush, seconds=10, what="the flush")

    def wait_ready(self, *, seconds: float = START_SECONDS) -> None:
        """Until database, Redis, storage and a GPU worker answer."""
        eventually(lambda: _status(f"{self.url}/readyz") == 200, seconds=seconds, what="readiness")

    def stop(self) -> float:
        """SIGTERM; returns how many seconds it took. Fails when it did not end well."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        assert code == 0, self.log[-3000:]
        return time.monotonic() - started


@dataclass(frozen=True)
class _Child:
    pid: int
    command: str


def _children(parent: int) -> list[_Child]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and int((entry / "stat").read_text().rsplit(") ", 1)[1].split()[1]) == parent
            ):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(_Child(int(entry.name), command))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _status(url: str) -> int:
    try:
        return httpx.get(url, timeout=10).status_code
    except httpx.HTTPError:
        return 0


def portal_command(*, port: int, data_dir: Path, models: Path) -> list[str]:
    """``./run`` for a test: on the processor, with the interface as it is."""
    places = ["--port", str(port), "--data-dir", str(data_dir), "--models", str(models)]
    return [str(ROOT / "run"), *places, "--device", "cpu", "--no-build"]


def portal_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a portal under test: no setting of the test run itself leaks into it."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("SDWEB_", "DJANGO_"))}
    return {
        **outer,
        "PYTHON": sys.executable,
        "SDWEB_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "SDWEB_REGISTRATION_OPEN": "true",
        "SDWEB_LEASE_SECONDS": "8",
        "SDWEB_HEARTBEAT_SECONDS": "0.5",
        "SDWEB_RECOVERY_SECONDS": "1",
        # Tests wait by looking and look often; those of the limit itself set it.
        "SDWEB_RATE_LIMIT": "100000/60",
        **settings,
    }


@contextmanager
def portal_running(
    folder: Path,
    *,
    models: Path,
    settings: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[Portal]:
    """A portal for the length of the block, ready to work. It is stopped in order, and has to stop well.

    ``settings`` go into its environment, ``arguments`` to ``./run``.
    """
    port, data_dir, log_file = free_port(), folder / "data", folder / "portal.log"
    started = time.monotonic()
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*portal_command(port=port, data_dir=data_dir, models=models), *arguments],
            env=portal_environment(settings or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
        )
    portal = Portal(process, port, data_dir, log_file)
    try:
        eventually(lambda: "The portal is ready" in portal.log, seconds=START_SECONDS, what="the start")
        portal.page_after = time.monotonic() - started
        portal.wait_ready()
        yield portal
        portal.stop()
    except BaseException:
        print(portal.log[-8000:])  # noqa: T201 - pytest shows it beside the failure
        raise
    finally:
        if process.poll() is None:
            process.kill()  # its children die with it
            process.wait()


@contextmanager
def own_database() -> Iterator[dict[str, str]]:
    """The setting for an empty database on the server that the tests run on; SQLite needs none."""
    server, name = os.environ.get("SDWEB_DATABASE_URL", ""), f"portal_{secrets.token_hex(4)}"
    if not server.startswith("postgres"):
        yield {}
        return
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        yield {"SDWEB_DATABASE_URL": urlsplit(server)._replace(path=f"/{name}").geturl()}
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@dataclass
class Person:
    """Somebody with an account, signed in."""

    portal: Portal
    name: str
    http: httpx.Client
    submitted: list[str] = field(default_factory=list)

    @classmethod
    def new(cls, portal: Portal) -> "Person":
        """Somebody who registers now."""
        name = f"person-{secrets.token_hex(4)}"
        person = cls(portal, name, httpx.Client(base_url=portal.url, timeout=60))
        form = {"username": name, "email": f"{name}@example.org", "password": secrets.token_urlsafe(16)}
        answer = person.post("/_allauth/browser/v1/auth/signup", form)
        assert answer.status_code == 200, answer.text
        return person

    def post(self, path: str, data: object, **headers: str) -> httpx.Response:
        """A write, with the CSRF token that a browser would send."""
        token = self.http.get("/api/v1/me").json()["csrf_token"]
        return self.http.post(path, json=data, headers={"X-CSRFToken": token, **headers})

    def submit(self, **params: Any) -> str:
        """A job by HTTP; returns its id."""
        answer = self.post("/api/v1/jobs", params_of(**params))
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["id"]
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        """How a job stands."""
        answer = self.http.get(f"/api/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait_for(self, job_id: str, *, seconds: float = JOB_SECONDS) -> dict[str, Any]:
        """The job when it has ended, however."""

        def look() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["state"] in ("done", "failed", "cancelled") else None

        return eventually(look, seconds=seconds, what=f"the end of job {job_id}") or {}

    def wait_running(self, job_id: str, *, step: int = 1, seconds: float = JOB_SECONDS) -> None:
        """Until the job is being denoised and past ``step``; fails when it is over by then."""

        def look() -> bool:
            job = self.job(job_id)
            assert job["state"] in ("queued", "running"), f"too late: {job['state']}"
            return bool(job["progress"] and job["progress"]["step"] >= step)

        eventually(look, seconds=seconds, what=f"step {step} of job {job_id}")

    def images(self) -> list[dict[str, Any]]:
        """Everything in the gallery."""
        found: list[dict[str, Any]] = self.http.get("/api/v1/images?limit=100").json()["items"]
        return found

    def picture(self, image: Mapping[str, Any]) -> bytes:
        """The PNG itself."""
        answer = self.http.get(image["url"])
        assert answer.status_code == 200
        return answer.content

    @contextmanager
    def socket(self, query: str = "") -> Iterator["Socket"]:
        """A WebSocket that knows nothing but the session's cookie."""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies.jar)
        address = f"ws://127.0.0.1:{self.portal.port}/ws/{query}"
        origin: Any = self.portal.url
        with connect(
            address, additional_headers={"Cookie": cookies}, origin=origin, max_size=None, open_timeout=30
        ) as connection:
            yield Socket(connection)


@dataclass
class Socket:
    """A WebSocket client that remembers what it was told."""

    connection: ClientConnection
    heard: list[dict[str, Any]] = field(default_factory=list)

    def say(self, **message: Any) -> None:
        """Send one message."""
        self.connection.send(json.dumps(message))

    def hear(self, kind: str, *, seconds: float = JOB_SECONDS, **having: Any) -> dict[str, Any]:
        """The next message of that type with those values; what comes before it is kept in ``heard``."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"no {kind} within {seconds:.0f} s; heard {[m['type'] for m in self.heard]}"
            message: dict[str, Any] = json.loads(self.connection.recv(timeout=left))
            self.heard.append(message)
            if message["type"] == kind and all(message.get(name) == value for name, value in having.items()):
                return message

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """What was heard of that type."""
        return [message for message in self.heard if message["type"] == kind]


def params_of(**changes: Any) -> dict[str, Any]:
    """A small request for the tiny model; ``changes`` go on top."""
    return {
        "prompt": "a red fox",
        "width": 64,
        "height": 64,
        "steps": 4,
        "cfg_scale": 5.0,
        "seed": 7,
        **changes,
    }


SLOW: dict[str, Any] = {"width": 128, "height": 128, "steps": 150, "sampler": "Euler"}
"""Parameters of a job that the tiny model works on for a while."""
