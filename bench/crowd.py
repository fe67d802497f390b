"""Many people at once: sockets that stay open, pictures that all arrive, and what requests take meanwhile.

    python -m bench.crowd [--people 50] [--sockets 200] [--jobs 2] [--database-url postgres://...]

Starts a portal of its own (``./run`` on this machine, demo model), lets everybody submit at the same moment,
keeps four browser tabs of each open and asks for what a page asks for meanwhile. Prints a table.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect

from bench.people import ROOT, sessions_make
from sdweb.launcher.machine import free_port

PAGE: Final = (
    "/api/v1/me",
    "/api/v1/jobs?limit=20",
    "/api/v1/images?limit=40",
    "/api/v1/models",
    "/api/v1/queue",
)
"""What an open page asks for now and then."""
PAUSE_SECONDS: Final = 3.0
START_SECONDS: Final = 240.0
PATIENCE_SECONDS: Final = 1200.0


@dataclass
class Report:
    """What happened. ``seconds`` holds every request's, by handler."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    sockets_alive: int = 0
    sockets: int = 0
    submitted: set[str] = field(default_factory=set)
    heard: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Socket -> jobs whose pictures it was told of."""
    refused: list[str] = field(default_factory=list)
    took: float = 0.0

    def percentile(self, handler: str, part: float) -> float:
        """Milliseconds that this part of the requests stayed under."""
        found = sorted(self.seconds[handler])
        return 1000 * found[min(len(found) - 1, int(part * len(found)))]

    def lines(self) -> Iterator[str]:
        """A table in Markdown."""
        yield "| request | number | p50 ms | p95 ms | p99 ms |"
        yield "| --- | --- | --- | --- | --- |"
        for name in sorted(self.seconds):
            middle = 1000 * statistics.median(self.seconds[name])
            tail = f"{self.percentile(name, 0.95):.0f} | {self.percentile(name, 0.99):.0f}"
            yield f"| `{name}` | {len(self.seconds[name])} | {middle:.0f} | {tail} |"


class Somebody:
    """One person: some open tabs, and requests as a page makes them."""

    def __init__(self, url: str, session: str, report: Report) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, cookies={"sessionid": session}, timeout=60.0, limits=httpx.Limits(max_connections=4)
        )
        self._url, self._session, self._report = url, session, report
        self._sockets: list[ClientConnection] = []
        self._listening: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._token = ""
        self.jobs: set[str] = set()

    async def arrive(self, tabs: int) -> None:
        """Open the tabs: the page, then their sockets."""
        self._token = (await self._timed("GET", "/api/v1/me")).json()["csrf_token"]
        address = f"{self._url.replace('http', 'ws', 1)}/ws/?previews=binary&images=links"
        for _ in range(tabs):
            headers = {"Cookie": f"sessionid={self._session}"}
            socket = await connect(address, additional_headers=headers, max_size=None, open_timeout=60)
            self._sockets.append(socket)
            self._listening.append(asyncio.create_task(self._listen(socket)))
        self._report.sockets += tabs

    async def _listen(self, socket: ClientConnection) -> None:
        async for message in socket:
            if isinstance(message, str):
                said = json.loads(message)
                if said["type"] == "complete":
                    self._report.heard[id(socket)].add(said["job_id"])
                    self._news.set()

    async def generate(self, jobs: int, params: dict[str, Any]) -> None:
        """Submit, then behave like a page until everything is there."""
        for seed in range(jobs):
            asked = {**params, "seed": seed}
            answer = await self._timed(
                "POST", "/api/v1/jobs", json=asked, headers={"X-CSRFToken": self._token}
            )
            if answer.status_code != 202:
                self._report.refused.append(f"{answer.status_code} {answer.text[:200]}")
                continue
            self.jobs.add(answer.json()["id"])
            self._report.submitted.add(answer.json()["id"])

    async def browse(self, until: asyncio.Event) -> None:
        """What an open page asks for, in turn."""
        while not until.is_set():
            for path in PAGE:
                await self._timed("GET", path)
                with_pause = asyncio.create_task(until.wait())
                await asyncio.wait({with_pause}, timeout=PAUSE_SECONDS)
                with_pause.cancel()

    async def hear_all(self) -> None:
        """Until every tab was told of every picture."""
        while not all(self.jobs <= self._report.heard[id(socket)] for socket in self._sockets):
            await self._news.wait()
            self._news.clear()

    async def leave(self) -> None:
        """Count the sockets that still answer, and close."""
        for socket in self._sockets:
            try:
                await asyncio.wait_for(await socket.ping(), 20)
                self._report.sockets_alive += 1
            except Exception as error:  # however it died
                self._report.refused.append(f"a socket died: {error!r}")
            await socket.close()
        await asyncio.gather(*self._listening, return_exceptions=True)
        await self._http.aclose()

    async def _timed(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        began = time.perf_counter()
        answer = await self._http.request(method, path, **arguments)
        self._report.seconds[f"{method} {path.split('?', maxsplit=1)[0]}"].append(time.perf_counter() - began)
        if answer.status_code >= 500:
            self._report.refused.append(f"{answer.status_code} {path}")
        return answer


async def crowd(
    url: str, sessions: Sequence[str], *, sockets: int, jobs: int, params: dict[str, Any]
) -> Report:
    """Let everybody come, generate and look around until all pictures are there."""
    report = Report()
    people = [Somebody(url, session, report) for session in sessions]
    tabs = [sockets // len(people) + (number < sockets % len(people)) for number in range(len(people))]
    await asyncio.gather(*(one.arrive(count) for one, count in zip(people, tabs, strict=True)))
    began, done = time.monotonic(), asyncio.Event()
    browsing = [asyncio.create_task(one.browse(done)) for one in people]
    await asyncio.gather(*(one.generate(jobs, params) for one in people))
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(one.hear_all() for one in people)), PATIENCE_SECONDS)
    report.took = time.monotonic() - began
    done.set()
    await asyncio.gather(*browsing)
    await asyncio.gather(*(one.leave() for one in people))
    return report


@contextmanager
def _portal(folder: Path, database_url: str, workers: int) -> Iterator[tuple[str, dict[str, str]]]:
    """``./run`` on free ports; gives its address and the environment of its database."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("SDWEB_")}
    env |= {"SDWEB_DATA_DIR": str(folder), "SDWEB_RATE_LIMIT": "0"}
    if database_url:
        env["SDWEB_DATABASE_URL"] = database_url
    command = [
        str(ROOT / "run"),
        "--port",
        str(port),
        "--no-build",
        "--device",
        "cpu",
        "--workers",
        str(workers),
    ]
    with (folder / "portal.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)  # noqa: S603 - our own ./run
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_ready(url)
        yield url, env
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait_ready(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=10).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise RuntimeError("The portal did not become ready.")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--database-url", default="")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        _portal(Path(folder), given.database_url, given.workers) as (url, env),
    ):
        sessions = sessions_make(given.people, env)
        params = {"prompt": "a red fox", "steps": given.steps}
        report = asyncio.run(crowd(url, sessions, sockets=given.sockets, jobs=given.jobs, params=params))
    told = len(set().union(*report.heard.values()))
    sys.stdout.write(
        f"{given.people} people, {report.sockets} sockets ({report.sockets_alive} alive at the end), "
        f"{len(report.submitted)} jobs submitted, {told} told of, {report.took:.0f} s, "
        f"refused: {report.refused[:5] or 'nothing'}\n\n" + "\n".join(report.lines()) + "\n"
    )


if __name__ == "__main__":
    main()
