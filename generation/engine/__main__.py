"""``python -m generation.engine``: one picture from the command line."""

import sys

from generation.engine.cli import main

sys.exit(main())
