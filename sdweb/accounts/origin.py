"""Where the request that is being served comes from, for logs, the audit log and limits."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest

from sdweb.accounts.models import AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One request's, or one socket's."""

    address: str | None = None
    """The client's IP address, see ``client_address``."""
    via: str = AuditEntry.Via.SYSTEM
    token_prefix: str = ""
    scopes: frozenset[str] | None = None
    """What the API token may do; None where there is no token, and so no bound."""
    request_id: str = ""
    who: Callable[[], object] = lambda: None
    """Asks who it is, once that matters: whoever is signed in, or somebody who is nobody."""


NOWHERE: Final = Origin()
current_origin: ContextVar[Origin] = ContextVar("current_origin", default=NOWHERE)
"""Set by the middleware and by the socket; background work has none."""


def client_address(request: HttpRequest) -> str | None:
    """The client's IP address, seen through the proxies of ``SDWEB_TRUSTED_PROXIES``; None where the peer has
    none (a Unix socket).
    """
    return address_behind(request.META.get("REMOTE_ADDR"), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def scope_address(scope: Mapping[str, Any]) -> str | None:
    """The same for an ASGI connection, such as a WebSocket."""
    peer = scope.get("client")
    said = [value.decode("latin1") for name, value in scope.get("headers", []) if name == b"x-forwarded-for"]
    return address_behind(peer[0] if peer else None, ",".join(said))


def address_behind(peer: str | None, forwarded: str) -> str | None:
    """Who is behind ``peer``, given its ``X-Forwarded-For``.

    Each proxy appends the address that it saw, so the list is read from its end, and only as far as the
    proxies are trusted: what stands further left may be anybody's invention.
    """
    trusted = settings.TRUSTED_PROXIES
    nearest = _parsed(peer)
    if not trusted or not forwarded:
        return _text(nearest)
    hops = [_parsed(part) for part in forwarded.split(",")]
    if isinstance(trusted, int):
        # A shorter list did not come through all of the proxies.
        return _text(hops[-trusted] if len(hops) >= trusted and hops[-trusted] else nearest)
    current = nearest
    for hop in reversed(hops):
        if hop is None or not (current and any(current in network for network in trusted)):
            break
        current = hop
    return _text(current)


def _parsed(address: str | None) -> IPv4Address | IPv6Address | None:
    """The address without a port, IPv4 written as IPv6 unwrapped; None where it is none."""
    text = (address or "").strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed


def _text(address: IPv4Address | IPv6Address | None) -> str | None:
    return str(address) if address else None
