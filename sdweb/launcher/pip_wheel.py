"""pip for a Python without ensurepip: its own wheel, from the configured index and checked by hash."""

import configparser
import hashlib
import html
import os
import re
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from sdweb.launcher.console import LaunchError, detail
from sdweb.launcher.shell import clean_environment, run_reporting

PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
_DEFAULT_INDEX = "https://pypi.org/simple"
_REMEDY = "On Debian and Ubuntu: apt install python3-venv, then start again."


def install_pip(python: Path) -> None:
    """Install pip into the environment of ``python``. Raises LaunchError when the index cannot be reached."""
    detail("this Python has no ensurepip; fetching pip from the package index")
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / PIP_WHEEL
        wheel.write_bytes(_fetch_wheel(index_url()))
        # A wheel is a zip file, and Python runs the pip inside it where it lies.
        command: list[str | Path] = [python, f"{wheel}/pip", "install", "--no-index", "--no-deps", wheel]
        run_reporting(
            command, failure=LaunchError("pip could not be installed.", _REMEDY), env=clean_environment()
        )


def index_url() -> str:
    """The index that pip itself would use: PIP_INDEX_URL, then pip's configuration files, then PyPI."""
    from_environment = os.environ.get("PIP_INDEX_URL", "")
    if from_environment:
        return from_environment.rstrip("/")
    home = Path(os.environ.get("HOME") or "/")
    for file in (home / ".config/pip/pip.conf", home / ".pip/pip.conf", Path("/etc/pip.conf")):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(file)
        except configparser.Error:
            continue
        configured = parser.get("global", "index-url", fallback="")
        if configured:
            return configured.rstrip("/")
    return _DEFAULT_INDEX


def wheel_link(page: str, page_url: str) -> str:
    """The address of the wanted wheel in an index page (PEP 503). Raises LaunchError when it is not there."""
    for found in re.finditer(r'href="([^"]+)"', page):
        link = urllib.parse.urljoin(page_url, html.unescape(found.group(1)))
        if urllib.parse.urlsplit(link).path.endswith("/" + PIP_WHEEL):
            return link
    raise LaunchError(f"The package index {page_url} does not list {PIP_WHEEL}.", _REMEDY)


def _fetch_wheel(index: str) -> bytes:
    page_url = f"{index}/pip/"
    wheel = _get(wheel_link(_get(page_url).decode(), page_url))
    if hashlib.sha256(wheel).hexdigest() != PIP_SHA256:
        raise LaunchError(f"The downloaded {PIP_WHEEL} is not the published file.", _REMEDY)
    return wheel


def _get(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise LaunchError(f"The package index address {url} is not a web address.", _REMEDY)
    try:
        request = urllib.request.Request(url, headers={"Accept": "text/html"})  # noqa: S310 - the scheme was checked
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            body: bytes = response.read()
            return body
    except (urllib.error.URLError, OSError) as error:
        raise LaunchError(f"The package index could not be reached: {error}", _REMEDY) from error
