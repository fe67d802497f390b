"""``./run`` as people meet it: first start, second start, taken port, second instance, stopping."""

import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.integration.portal import (
    ADMIN_PASSWORD,
    SLOW,
    Person,
    Portal,
    eventually,
    portal_command,
    portal_environment,
    portal_running,
)

pytestmark = pytest.mark.integration


@pytest.mark.sqlite
def test_the_first_administrator_is_told_once_and_can_sign_in(tmp_path: Path, models: Path) -> None:
    settings = {"SDWEB_ADMIN_PASSWORD": "", "SDWEB_REGISTRATION_OPEN": "false"}
    with portal_running(tmp_path, models=models, settings=settings) as portal:
        found = re.findall(r"First administrator: +(\S+) +password: +(\S+)", portal.log)
        assert len(found) == 1
        name, password = found[0]
        client = httpx.Client(base_url=portal.url)
        token = client.get("/api/v1/me").json()["csrf_token"]
        form = {"username": name, "password": password}
        answer = client.post("/_allauth/browser/v1/auth/login", json=form, headers={"X-CSRFToken": token})
        assert answer.status_code == 200, answer.text
        assert client.get("/api/v1/me").json()["user"]["is_staff"] is True
    with portal_running(tmp_path, models=models, settings=settings) as portal:
        # Four seconds on an idle machine; a machine that runs tests is not idle.
        assert portal.page_after < 20
        assert "First administrator" not in portal.log
        assert portal.log.count("The portal is ready") == 1


def test_a_taken_port_and_a_taken_folder(portal: Portal, models: Path, tmp_path: Path) -> None:
    same_port = _run_to_its_end(portal.port, tmp_path / "other", models)
    assert same_port.returncode == 1
    assert f"Port {portal.port} on 127.0.0.1 is taken" in same_port.stderr
    assert "--port" in same_port.stderr
    assert not (tmp_path / "other").exists(), "nothing was started or made"
    same_folder = _run_to_its_end(1 + portal.port % 65000, portal.data_dir, models)
    assert same_folder.returncode == 1
    assert f"(process {portal.process.pid})" in same_folder.stderr


def _run_to_its_end(port: int, data_dir: Path, models: Path) -> "subprocess.CompletedProcess[str]":
    command = portal_command(port=port, data_dir=data_dir, models=models)
    return subprocess.run(
        command, env=portal_environment({}), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.sqlite
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_ten_seconds_in_the_middle_of_a_job(
    number: signal.Signals, tmp_path: Path, models: Path
) -> None:
    with portal_running(tmp_path, models=models) as portal:
        person = Person.new(portal)
        job_id = person.submit(**SLOW)
        person.wait_running(job_id)
        pids = [portal.pid_of(name) for name in ("web", "gpu", "io", "beat", "redis")]
        assert all(pids)
        started = time.monotonic()
        portal.process.send_signal(number)
        assert portal.process.wait(30) == 0
        assert time.monotonic() - started < 10
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert "Stopped in" in portal.log


@pytest.mark.sqlite
def test_nobody_is_left_when_the_supervisor_is_killed(tmp_path: Path, models: Path) -> None:
    with suppress(_KilledOnPurposeError), portal_running(tmp_path, models=models) as portal:
        pids = [portal.pid_of(name) for name in ("web", "gpu", "io", "beat", "redis")]
        portal.process.kill()
        portal.process.wait()
        eventually(
            lambda: not [pid for pid in pids if _lives(pid)], seconds=10, what="the end of the children"
        )
        raise _KilledOnPurposeError


class _KilledOnPurposeError(Exception):
    """Ends a block whose portal cannot be stopped in order any more."""


def _lives(pid: int | None) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_only_the_gpu_worker_has_torch(person: Person) -> None:
    person.wait_for(person.submit())
    maps = {
        name: Path(f"/proc/{person.portal.pid_of(name)}/maps").read_text() for name in ("web", "io", "gpu")
    }
    assert {name: "libtorch" in text for name, text in maps.items()} == {
        "web": False,
        "io": False,
        "gpu": True,
    }


def test_signing_in_as_the_administrator_from_the_environment(portal: Portal) -> None:
    with httpx.Client(base_url=portal.url) as client:
        token = client.get("/api/v1/me").json()["csrf_token"]
        form = {"username": "admin", "password": ADMIN_PASSWORD}
        answer = client.post("/_allauth/browser/v1/auth/login", json=form, headers={"X-CSRFToken": token})
        assert answer.status_code == 200
        assert client.get("/admin/").status_code == 200
