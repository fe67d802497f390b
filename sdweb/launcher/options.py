"""The switches of ``./run``, and the environment that its processes get from them."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdweb.launcher.console import LaunchError
from sdweb.launcher.paths import ROOT

_EPILOG = """\
Every setting is an environment variable (docs/configuration.md); a switch wins over its variable.
Everything that is made at run time lies in the data folder: back up that one and the models folder.
Forgotten password: .venv/bin/python manage.py changepassword NAME
"""


@dataclass(frozen=True)
class Options:
    """What to start and where. ``redis_url`` is empty when a Redis of our own is to be started."""

    host: str
    port: int
    data_dir: Path
    models: Path
    device: str
    slots: int
    redis_url: str
    build: bool
    check: bool
    setup_only: bool
    workers: int | None = None
    """GPU workers on this machine; None for one per GPU."""
    only_workers: bool = False
    """Whether to join a portal that runs on another machine."""


def options_read(argv: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Parse switches; what is not given comes from the environment, then from the defaults.

    Raises LaunchError for a number that is none; argparse itself exits on an unknown switch.
    """
    given = _parser().parse_args(argv)

    def setting(switch: str | None, variable: str, default: str) -> str:
        return switch if switch is not None else environ.get(variable) or default

    return Options(
        host=setting(given.host, "SDWEB_HOST", "127.0.0.1"),
        port=_number(setting(given.port, "PORT", "5000"), "PORT", 1, 65535),
        data_dir=_folder(setting(given.data_dir, "SDWEB_DATA_DIR", "data")),
        models=_folder(setting(given.models, "MODELS_PATH", "models")),
        device=setting(given.device, "SDWEB_DEVICE", "auto"),
        slots=_number(setting(given.slots, "SDWEB_WORKER_SLOTS", "8"), "SDWEB_WORKER_SLOTS", 1, 64),
        redis_url=environ.get("SDWEB_REDIS_URL", ""),
        build=not given.no_build,
        check=given.check,
        setup_only=given.setup_only,
        workers=_number(given.workers, "--workers", 1, 64) if given.workers is not None else None,
        only_workers=given.what == "worker",
    )


def child_environment(options: Options, redis_url: str) -> dict[str, str]:
    """The whole environment of the portal's processes."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env |= {
        "PYTHONUNBUFFERED": "1",
        # Celery says it in eight lines at every start; whoever runs the portal as root in a container knows.
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        "PORT": str(options.port),
        "SDWEB_HOST": options.host,
        "SDWEB_DATA_DIR": str(options.data_dir),
        "MODELS_PATH": str(options.models),
        "SDWEB_DEVICE": options.device,
        "SDWEB_WORKER_SLOTS": str(options.slots),
        "SDWEB_REDIS_URL": redis_url,
    }
    env.setdefault("DJANGO_SETTINGS_MODULE", "sdweb.settings")
    env.setdefault("SDWEB_PROFILE", "embedded")
    env.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
    return env


def _folder(text: str) -> Path:
    path = Path(text).expanduser()
    return path if path.is_absolute() else (ROOT / path).resolve()


def _number(text: str, name: str, low: int, high: int) -> int:
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise LaunchError(f"{name} has to be a number from {low} to {high}, not {text!r}.")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run",
        description="Install what is missing and start the portal on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what",
        nargs="?",
        choices=["worker"],
        help="start GPU workers alone, for a portal on another machine (docs/machines.md)",
    )
    parser.add_argument(
        "--host", help="address to listen on (SDWEB_HOST, 127.0.0.1); 0.0.0.0 for the whole network"
    )
    parser.add_argument("--port", help="port to listen on (PORT, 5000)")
    parser.add_argument(
        "--data-dir", metavar="DIR", help="database, pictures, secret key (SDWEB_DATA_DIR, ./data)"
    )
    parser.add_argument("--models", metavar="DIR", help="your checkpoints (MODELS_PATH, ./models)")
    parser.add_argument("--device", help="auto, cpu or cuda (SDWEB_DEVICE, auto)")
    parser.add_argument(
        "--slots", metavar="N", help="jobs that a worker may have at the same time (SDWEB_WORKER_SLOTS, 8)"
    )
    parser.add_argument("--workers", metavar="N", help="GPU workers to start (one for each GPU)")
    parser.add_argument("--no-build", action="store_true", help="do not build the browser interface")
    parser.add_argument(
        "--setup-only", action="store_true", help="install, build and migrate, but start nothing"
    )
    parser.add_argument(
        "--check", action="store_true", help="say what this machine has and lacks; change nothing"
    )
    return parser
