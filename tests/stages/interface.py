"""Build the browser interface when its sources changed: ``python -m tests.stages.interface``."""

import sys

from sdweb.launcher.console import LaunchError, complain
from sdweb.launcher.node import interface_build

if __name__ == "__main__":
    try:
        interface_build()
    except LaunchError as error:
        complain(error)
        sys.exit(1)
