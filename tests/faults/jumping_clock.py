"""The portal's own settings, in a process whose wall clock can be set from outside as an administrator or a
time server sets a machine's: ``DJANGO_SETTINGS_MODULE=tests.faults.jumping_clock``.

The file named by ``JUMPING_CLOCK`` says how many seconds the clock is ahead. Monotonic time goes on as it is,
which is what the system promises when its clock is set.
"""

import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import time_machine

from sdweb.settings import *  # noqa: F403

_LOOK_SECONDS: Final = 0.02


def _ahead(file: Path) -> float:
    try:
        return float(file.read_text())
    except (FileNotFoundError, ValueError):  # not there yet, or just being written
        return 0.0


def _follow(file: Path) -> None:
    clock = time_machine.travel(timedelta(0), tick=True).start()
    shown = 0.0
    while True:
        ahead = _ahead(file)
        if ahead != shown:
            clock.shift(ahead - shown)
            shown = ahead
        time.sleep(_LOOK_SECONDS)


threading.Thread(target=_follow, args=(Path(os.environ["JUMPING_CLOCK"]),), daemon=True).start()
