"""Running other programs: quietly, with their output at hand when they fail."""

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sdweb.launcher.console import LaunchError, detail

_TAIL = 25


def succeeds(argv: Sequence[str | Path]) -> bool:
    """Whether a command can be started and exits with 0; its output is thrown away."""
    try:
        done = subprocess.run([str(part) for part in argv], capture_output=True, check=False)  # noqa: S603
    except OSError:
        return False
    return done.returncode == 0


def answer_of(argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
    """What a command prints, stripped; the empty string when it is missing or fails."""
    try:
        done = subprocess.run(  # noqa: S603
            [str(part) for part in argv], capture_output=True, text=True, check=False, env=env
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def run_reporting(
    argv: Sequence[str | Path],
    *,
    failure: LaunchError,
    progress: Callable[[str], str] = lambda _line: "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a command; show what ``progress`` makes of each line, and the last lines when it fails.

    Raises ``failure`` with those last lines in front of its remedy.
    """
    kept: list[str] = []
    with subprocess.Popen(  # noqa: S603
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=cwd,
        env=env,
    ) as process:
        for raw in process.stdout or ():
            line = raw.rstrip()
            kept = [*kept[1 - _TAIL :], line]
            if shown := progress(line.strip()):
                detail(shown)
    if process.returncode != 0:
        failure.remedy = "\n".join([*kept, "", failure.remedy])
        raise failure


@contextmanager
def one_at_a_time(lock_file: Path) -> Iterator[None]:
    """Let a second launcher wait until the first has finished changing the same files."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def clean_environment(**changes: str) -> dict[str, str]:
    """This process's environment with ``changes``, without what would send Python or pip astray."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name
        not in {
            "PYTHONHOME",
            "PYTHONPATH",
            "PIP_TARGET",
            "PIP_PREFIX",
            "PIP_USER",
            "PIP_REQUIRE_VIRTUALENV",
            "__PYVENV_LAUNCHER__",
        }
    }
    return {**kept, **changes}
