"""Words for the person at the terminal: numbered steps, one plain error form, colour only on a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_BOLD, _DIM, _RED, _GREEN, _RESET = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[0m"


class LaunchError(Exception):
    """Something a person has to put right; ``remedy`` says how."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def _paint(text: str, colour: str) -> str:
    return f"{colour}{text}{_RESET}" if sys.stdout.isatty() else text


def say(text: str = "") -> None:
    """Print one line now, even into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def detail(text: str) -> None:
    """Print a line of progress inside a step."""
    say(_paint(f"    {text}", _DIM))


def success(text: str) -> None:
    """Print a line that the person waited for."""
    say(_paint(text, _BOLD + _GREEN))


def complain(error: LaunchError) -> None:
    """Print what went wrong and what to do about it, on standard error."""
    colour, reset = (_BOLD + _RED, _RESET) if sys.stderr.isatty() else ("", "")
    sys.stderr.write(f"\n{colour}{error.message}{reset}\n")
    if error.remedy:
        sys.stderr.write(f"{error.remedy}\n")
    sys.stderr.flush()


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step and, when it took a while, how long."""
    say(_paint(f"==> {title}", _BOLD))
    started = time.monotonic()
    yield
    seconds = time.monotonic() - started
    if seconds >= 2:
        detail(f"done in {seconds:.0f} s")
