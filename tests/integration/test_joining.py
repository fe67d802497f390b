"""``./run worker``: GPU workers for a portal that they share a database, a Redis and a data folder with."""

import secrets
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from sdweb.launcher.paths import ROOT
from sdweb.supervisor import die_with_parent
from tests.integration.portal import (
    ADMIN_PASSWORD,
    START_SECONDS,
    Person,
    eventually,
    own_database,
    portal_environment,
    portal_running,
)
from tests.stages.servers import redis_running

pytestmark = pytest.mark.integration


def test_workers_of_another_machine_join_and_leave(tmp_path: Path, models: Path) -> None:
    with own_database() as database, redis_running(tmp_path / "redis") as redis_url:
        if not database:
            pytest.skip("SQLite is a file of one machine")
        settings = {**database, "SDWEB_REDIS_URL": redis_url, "SECRET_KEY": secrets.token_urlsafe(48)}
        with portal_running(tmp_path, models=models, settings=settings) as portal:
            admin = Person(portal, "admin", httpx.Client(base_url=portal.url, timeout=60))
            form = {"username": "admin", "password": ADMIN_PASSWORD}
            assert admin.post("/_allauth/browser/v1/auth/login", form).status_code == 200
            (own,) = alive(admin)
            assert admin.post(f"/api/v1/workers/{own}/drain", {}).status_code == 200
            places = ["--data-dir", str(portal.data_dir), "--models", str(models)]
            joining = subprocess.Popen(
                [str(ROOT / "run"), "worker", *places, "--device", "cpu", "--workers", "2"],
                env=portal_environment(settings),
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
            )
            try:
                eventually(lambda: len(alive(admin)) == 3, seconds=START_SECONDS, what="two more workers")
                assert admin.wait_for(admin.submit())["state"] == "done"
                joining.send_signal(signal.SIGTERM)
                assert joining.wait(30) == 0
                assert alive(admin) == [own], "they said goodbye"
            finally:
                joining.kill()
                admin.http.close()


def alive(admin: Person) -> list[str]:
    """The names of the workers that are there."""
    return [row["name"] for row in admin.http.get("/api/v1/workers").json()["workers"] if row["alive"]]
