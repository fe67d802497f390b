"""The API's description in the repository and the types made from it must be those of the code.

``python -m tests.stages.schema`` checks; with ``--write`` it brings both files up to date.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sdweb.launcher.console import LaunchError, complain, say
from sdweb.launcher.node import npm_run
from sdweb.launcher.paths import FRONTEND, ROOT, venv_bin

OPENAPI = ROOT / "docs/openapi.json"
TYPES = FRONTEND / "src/api/schema.d.ts"


def main(*, write: bool) -> int:
    """Compare, or write. Returns the exit code."""
    description = _description_of_the_code()
    if write:
        OPENAPI.write_text(description)
    stale = [] if OPENAPI.is_file() and OPENAPI.read_text() == description else [OPENAPI]
    types = _types_of_the_description() if not stale else ""
    if write:
        TYPES.write_text(types)
    if not stale and TYPES.read_text() != types:
        stale.append(TYPES)
    for file in stale:
        say(f"{file.relative_to(ROOT)} is not what the code says. Bring it up to date:")
        say("  .venv/bin/python -m tests.stages.schema --write")
    return 1 if stale else 0


def _description_of_the_code() -> str:
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "SDWEB_PROFILE": "test", "SDWEB_DATA_DIR": folder}
        command = [str(venv_bin("python")), "manage.py", "export_openapi"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LaunchError("manage.py export_openapi failed.", done.stderr[-3000:])
    return done.stdout


def _types_of_the_description() -> str:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "schema.d.ts"
        # The package's own script knows the switches.
        npm_run("run", "--silent", "schema", "--", "-o", str(made), failure="openapi-typescript failed.")
        return made.read_text()


if __name__ == "__main__":
    try:
        sys.exit(main(write="--write" in sys.argv[1:]))
    except LaunchError as problem:
        complain(problem)
        sys.exit(1)
