"""Who is behind the proxies."""

from ipaddress import ip_network
from typing import Any

import pytest
from django.test import RequestFactory

from sdweb.accounts.origin import client_address, scope_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def seen(peer: str, forwarded: str | None) -> str | None:
    said = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=peer, headers=said))


@pytest.mark.parametrize("forwarded", [None, "9.9.9.9", "nonsense"])
def test_nobody_is_believed_by_default(forwarded: str | None) -> None:
    assert seen("10.0.0.1", forwarded) == "10.0.0.1"


@pytest.mark.parametrize(
    ("count", "forwarded", "address"),
    [
        (1, "9.9.9.9", "9.9.9.9"),
        (1, "1.2.3.4, 9.9.9.9", "9.9.9.9"),
        (2, "1.2.3.4, 9.9.9.9, 10.0.0.2", "9.9.9.9"),
        (2, "9.9.9.9", "10.0.0.1"),
        (1, "unknown", "10.0.0.1"),
        (1, None, "10.0.0.1"),
        (1, "[2001:db8::7]:4711", "2001:db8::7"),
        (1, "9.9.9.9:4711", "9.9.9.9"),
        (1, "::ffff:9.9.9.9", "9.9.9.9"),
    ],
)
def test_so_many_proxies(settings: Any, count: int, forwarded: str | None, address: str) -> None:
    settings.TRUSTED_PROXIES = count
    assert seen("10.0.0.1", forwarded) == address


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "1.2.3.4, 9.9.9.9, 10.0.0.2", "9.9.9.9"),
        ("fd00::1", "1.2.3.4, 2001:db8::7", "2001:db8::7"),
        ("8.8.8.8", "1.2.3.4", "8.8.8.8"),  # it came past the proxies
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "1.2.3.4, unknown", "10.0.0.1"),
    ],
)
def test_proxies_in_these_networks(settings: Any, peer: str, forwarded: str, address: str) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    assert seen(peer, forwarded) == address


def test_a_socket_is_seen_as_a_request_is(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    scope = {
        "client": ("10.0.0.1", 4711),
        "headers": [(b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-for", b"9.9.9.9")],
    }
    assert scope_address(scope) == "9.9.9.9"
    assert scope_address({"client": None, "headers": []}) is None
