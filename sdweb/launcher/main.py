"""``./run``: check, install, build, migrate, start, watch, stop."""

import asyncio
import os
import sys
from collections.abc import Sequence

from sdweb.launcher.console import LaunchError, complain, say
from sdweb.launcher.joining import require_joinable
from sdweb.launcher.machine import data_dir_lock, machine_report, port_require_free
from sdweb.launcher.node import interface_build
from sdweb.launcher.options import Options, options_read
from sdweb.launcher.paths import ROOT
from sdweb.launcher.python_env import environment_install, environment_ready
from sdweb.launcher.serve import prepare_only, serve


def main(argv: Sequence[str]) -> int:
    """Run the launcher. Returns the exit code: 0 after a requested stop, 1 when something is wrong."""
    try:
        options = options_read(argv, os.environ)
        if options.check:
            return 0 if machine_report(options) else 1
        return _run(options)
    except LaunchError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130


def _run(options: Options) -> int:
    os.chdir(ROOT)
    if options.only_workers:
        return _run_workers(options)
    if not options.setup_only:
        port_require_free(options.host, options.port)
    with data_dir_lock(options.data_dir):
        # The developers' set holds everything that running needs: one environment serves ./run and ./test.
        if not environment_ready("dev"):
            environment_install("embedded")
        if options.build:
            interface_build()
        return asyncio.run(prepare_only(options) if options.setup_only else serve(options))


def _run_workers(options: Options) -> int:
    # The data folder is another machine's: neither locked nor brought up to date from here.
    require_joinable(options, os.environ)
    if not environment_ready("dev"):
        environment_install("embedded")
    return asyncio.run(serve(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
