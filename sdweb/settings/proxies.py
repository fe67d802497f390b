"""Which reverse proxies are believed when they say who the client is."""

from ipaddress import IPv4Network, IPv6Network, ip_network

Networks = tuple[IPv4Network | IPv6Network, ...]
MOST_PROXIES = 10


def proxies_parse(value: object) -> int | Networks:
    """``2`` (so many proxies, one behind the other) or ``10.0.0.0/8, ::1`` (their networks); empty is none.

    Raises ``ValueError``.
    """
    if isinstance(value, int | tuple):
        return value
    parts = [part.strip() for part in str(value).split(",") if part.strip()]
    if not parts:
        return 0
    if len(parts) == 1 and parts[0].isdigit():
        count = int(parts[0])
        if count > MOST_PROXIES:
            raise ValueError(f"a count of at most {MOST_PROXIES}, or networks such as 10.0.0.0/8")
        return count
    try:
        return tuple(ip_network(part) for part in parts)
    except ValueError as error:
        raise ValueError(f"a count of proxies, or networks such as 10.0.0.0/8: {error}") from None
