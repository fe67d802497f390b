"""The first lines that run: before anything is installed, under whatever Python 3.11 or 3.12 the machine has.

Called as a script by ``./run`` and ``./test``, never imported.
"""

import runpy
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"run": "sdweb.launcher.main", "test": "tests.stages.main"}


def boot() -> None:
    """Run the program that the first argument names with the rest of the arguments."""
    # The package's own __init__ loads Celery, which is not there yet: an empty package stands in for it.
    package = types.ModuleType("sdweb")
    package.__path__ = [str(ROOT / "sdweb")]
    sys.modules["sdweb"] = package
    sys.path[0] = str(ROOT)
    name, *arguments = sys.argv[1:]
    sys.argv = [f"./{name}", *arguments]
    runpy.run_module(PROGRAMS[name], run_name="__main__")


if __name__ == "__main__":
    boot()
