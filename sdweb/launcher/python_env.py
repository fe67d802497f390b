"""The virtual environment and what is installed in it.

A stamp file remembers which requirements were installed, so that a second start installs nothing. Debian and
Ubuntu ship ``python3`` without ``ensurepip``; then pip comes from the distribution (as root) or its wheel.
"""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from sdweb.launcher import pip_wheel
from sdweb.launcher.console import LaunchError, detail, step
from sdweb.launcher.paths import CACHE, REQUIREMENTS, VENV, venv_bin
from sdweb.launcher.shell import answer_of, clean_environment, one_at_a_time, run_reporting, succeeds

# Installed after the rest and as they are; the file says why.
_BARE = "gpu-bare"
BARE_FLAGS = ("--no-deps", "--no-build-isolation", "--use-pep517")
_INCLUDES = {
    "web": ("web",),
    "gpu": ("web", "gpu", _BARE),
    "embedded": ("web", "gpu", _BARE, "embedded"),
    "dev": ("web", "gpu", _BARE, "embedded", "training", "dev"),
    "node": ("node",),
}
_BIG_DOWNLOAD = re.compile(r"Downloading ([A-Za-z0-9_.]+?)-\d\S* \((\d{2,}\.\d MB|[\d.]+ GB)\)")


def environment_ready(requirement_set: str) -> bool:
    """Whether the virtual environment holds exactly these requirements already."""
    stamp = _stamp_file(requirement_set)
    return stamp.is_file() and stamp.read_text() == _wanted(requirement_set) and venv_bin("python").exists()


def environment_install(requirement_set: str) -> None:
    """Create the virtual environment if needed and install a requirement set into it.

    ``requirement_set`` names a file of ``requirements/``. Raises LaunchError with pip's last lines.
    """
    if environment_ready(requirement_set):
        return
    with one_at_a_time(CACHE / "install.lock"):
        if environment_ready(requirement_set):
            return
        if not _venv_works():
            with step(f"Virtual environment ({VENV.name}, Python {sys.version.split()[0]})"):
                _venv_create()
        title = "Python packages" if requirement_set != "node" else "Node.js (from the Python package index)"
        with step(f"{title}: requirements/{requirement_set}.txt"):
            _pip_install(requirement_set)
        for included in (
            name for name, parts in _INCLUDES.items() if set(parts) <= set(_INCLUDES[requirement_set])
        ):
            _stamp_file(included).write_text(_wanted(included))


def _stamp_file(requirement_set: str) -> Path:
    return VENV / f".installed-{requirement_set}"


def _wanted(requirement_set: str) -> str:
    """A digest of the requirement files. The Python version is part of the environment, not of the stamp."""
    digest = hashlib.sha256()
    for name in (*_INCLUDES[requirement_set], "constraints"):
        digest.update((REQUIREMENTS / f"{name}.txt").read_bytes())
    return digest.hexdigest()


def _venv_works() -> bool:
    return succeeds(
        [venv_bin("python"), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    ) and succeeds([venv_bin("python"), "-m", "pip", "--version"])


def _venv_create() -> None:
    if VENV.exists():
        detail("the old environment does not work any more; making a new one")
        shutil.rmtree(VENV)
    if not _has_ensurepip() and os.geteuid() == 0 and shutil.which("apt-get"):
        _apt_install_venv()
    with_pip = _has_ensurepip()
    try:
        # A subprocess, because this process may have looked for ensurepip before apt brought it.
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "venv",
            *([] if with_pip else ["--without-pip"]),
            VENV,
        ]
        failure = LaunchError(
            "The virtual environment could not be made.", "On Debian and Ubuntu: apt install python3-venv"
        )
        run_reporting(command, failure=failure, env=clean_environment())
    except LaunchError:
        shutil.rmtree(VENV, ignore_errors=True)
        raise
    if not with_pip:
        pip_wheel.install_pip(venv_bin("python"))


def _has_ensurepip() -> bool:
    return bool(answer_of([sys.executable, "-c", "import ensurepip; print(ensurepip.version())"]))


def _apt_install_venv() -> None:
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    detail(f"installing the Debian package {package}")
    env = clean_environment(DEBIAN_FRONTEND="noninteractive")
    succeeds(["apt-get", "update", "-qq"])
    failure = LaunchError(f"apt-get could not install {package}.")
    try:
        run_reporting(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], failure=failure, env=env
        )
    except LaunchError:
        detail(f"{package} is not to be had; taking pip from the package index instead")


def _pip_install(requirement_set: str) -> None:
    if requirement_set not in ("web", "node"):
        detail("the first time this downloads about 3 GB (PyTorch with CUDA) and takes some minutes")
    _pip_run(requirement_set)
    if _BARE in _INCLUDES[requirement_set]:
        _pip_run(_BARE, *BARE_FLAGS)


def _pip_run(name: str, *flags: str) -> None:
    command: list[str | Path] = [
        venv_bin("python"), "-m", "pip", "install",
        "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--prefer-binary", *flags,
        "-r", REQUIREMENTS / f"{name}.txt", "-c", REQUIREMENTS / "constraints.txt",
    ]  # fmt: skip
    failure = LaunchError(
        "The Python packages could not be installed.",
        "Check the network, the free disk space (12 GB are needed) and the lines above, then start again; "
        "what was downloaded is kept.",
    )
    run_reporting(command, failure=failure, progress=_progress, env=clean_environment())


def _progress(line: str) -> str:
    """What a person wants to know of pip's many lines: the long downloads, and the last stage."""
    if line.startswith("Installing collected packages"):
        return f"installing {line.count(',') + 1} packages"
    big = _BIG_DOWNLOAD.match(line)
    return f"downloading {big.group(1)} ({big.group(2)})" if big else ""
