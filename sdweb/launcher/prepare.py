"""Bring the database up to date: migrations, the first administrator, the models in the folder.

Run as a program inside the virtual environment, once per start; the commands share one process, because
importing Django three times would take longer than the work.
"""

import django
from django.core.management import call_command


def main() -> None:
    """Run the three commands; their output goes to standard output, which the launcher reads."""
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("bootstrap_admin")
    call_command("scan_models")


if __name__ == "__main__":
    main()
