"""Which hosts and origins the portal answers to, from the environment."""

import socket
from urllib.parse import urlsplit

from sdweb.settings.env import Environment

ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - recognised here, bound only where the operator says so


def allowed_hosts(env: Environment) -> list[str]:
    """Host names that Django answers to."""
    hosts = {*env.allowed_hosts, "localhost", "127.0.0.1", "[::1]"}
    if env.public_url:
        hosts.add(urlsplit(env.public_url).hostname or "")
    if env.host not in ANY_ADDRESS:
        hosts.add(env.host)
    elif env.profile == "embedded":
        # Somebody opened their own machine to their network: its names and address shall work without more
        # ado.
        hosts |= _names_of_this_machine()
    return sorted(hosts - {""})


def trusted_origins(env: Environment) -> list[str]:
    """Origins whose pages may write (CSRF) and open the WebSocket besides the portal's own."""
    public = {origin_of(env.public_url)} if env.public_url else set()
    return sorted({*(origin.rstrip("/") for origin in env.allowed_origins), *public})


def origin_of(url: str) -> str:
    """``https://host:port`` of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _names_of_this_machine() -> set[str]:
    name = socket.gethostname()
    names = {name, f"{name}.local"}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: connecting a datagram socket only asks the kernel which address it would use.
            probe.connect(("192.0.2.1", 9))
            names.add(probe.getsockname()[0])
        except OSError:
            pass  # no network, then no other name either
    return names
