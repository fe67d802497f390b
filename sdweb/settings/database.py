"""Django's ``DATABASES`` entry from one URL."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sdweb.settings.env import ConfigurationError

SQLITE_BUSY_SECONDS = 20
"""How long a writer waits for another one before it gives up."""
KEPT: dict[str, Any] = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
"""A connection serves the next request of its thread too, if it still answers."""


def database_config(url: str | None, *, data_dir: Path) -> dict[str, Any]:
    """``postgres://user:password@host:port/name?sslmode=...``, ``sqlite:///path``, or SQLite in the data
    folder.

    Raises ``ConfigurationError`` for another scheme.
    """
    if not url:
        return _sqlite(data_dir / "sdweb.sqlite3")
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        # sqlite:///relative and sqlite:////absolute, as everywhere else.
        return _sqlite(Path(unquote(parts.path[1:])))
    if parts.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": str(parts.port or ""),
            "OPTIONS": dict(parse_qsl(parts.query)),
            **KEPT,
        }
    raise ConfigurationError(
        f"SDWEB_DATABASE_URL must begin with postgres:// or sqlite://, not {parts.scheme}://."
    )


def _sqlite(path: Path) -> dict[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        **KEPT,
        "OPTIONS": {
            # A transaction that will write takes the lock when it begins: upgraded later, it would fail at
            # once with "database is locked" instead of waiting for its turn.
            "transaction_mode": "IMMEDIATE",
            "timeout": SQLITE_BUSY_SECONDS,
            # WAL lets the web server read while a worker writes; NORMAL is safe with it.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
        # A file in tests too: threads that race each other need it, a memory database would serialise them.
        "TEST": {"NAME": path.with_suffix(".test.sqlite3")},
    }
