"""Debian packages that the tests need: servers, a browser, the emoji that the demo models are measured on."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from sdweb.launcher.console import LaunchError, detail, step
from sdweb.launcher.redis_server import server_binary
from sdweb.launcher.shell import clean_environment, run_reporting, succeeds
from tests.stages.servers import postgres_binaries

EMOJI_FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Need:
    """Something that a stage needs from the system, and the Debian package that brings it."""

    name: str
    package: str


REDIS = Need("redis", "redis-server")
POSTGRES = Need("postgres", "postgresql")
CHROMIUM = Need("chromium", "chromium")
EMOJI = Need("emoji", "fonts-noto-color-emoji")


def browser_path() -> str:
    """Where the browser is; the empty string when there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), "")


def needs_install(needs: frozenset[Need]) -> None:
    """Install what is missing when we may; raise LaunchError with the command when we may not."""
    missing = sorted(need.package for need in needs if not _is_there(need))
    if not missing:
        return
    command = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LaunchError(
            f"The tests need: {', '.join(missing)}.", f"Install them and start again:  sudo {command}"
        )
    with step(f"Debian packages: {', '.join(missing)}"):
        env = clean_environment(DEBIAN_FRONTEND="noninteractive")
        if not succeeds(["apt-get", "update", "-qq"]):
            detail("the package lists could not be refreshed")
        run_reporting(command.split(), failure=LaunchError(f"Failed: {command}"), env=env)


def _is_there(need: Need) -> bool:
    if need is REDIS:
        return server_binary() is not None
    if need is POSTGRES:
        return postgres_binaries() is not None
    return EMOJI_FONT.is_file() if need is EMOJI else bool(browser_path())
