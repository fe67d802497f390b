"""People who are signed in already, made beside the portal: signing in is not what a measurement is about.

    SDWEB_DATA_DIR=... python -m bench.people 50

Prints one session cookie a line. The environment has to be the portal's own.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def sessions_make(count: int, env: Mapping[str, str]) -> list[str]:
    """Session cookies of that many new people of the portal with this environment."""
    command = [sys.executable, "-m", "bench.people", str(count)]
    # Our own module, by our own interpreter.
    made = subprocess.run(command, env=dict(env), cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    return made.stdout.split()


def _session(name: str) -> str:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from sdweb.accounts.models import User

    user = User.objects.create_user(username=name)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def main() -> None:
    """See the module."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sdweb.settings")
    import django

    django.setup()
    batch = os.urandom(3).hex()
    for number in range(int(sys.argv[1])):
        sys.stdout.write(_session(f"crowd-{batch}-{number}") + "\n")


if __name__ == "__main__":
    main()
