"""How somebody is told to wait."""

import math

from sdweb.errors import PortalError


def too_many_requests(wait: float) -> PortalError:
    """The refusal, by HTTP and by the socket. ``wait``: seconds."""
    return PortalError(
        "too_many_requests",
        "Too many requests in a short time.",
        hint=f"Wait {seconds_to_wait(wait)} s and try again.",
        status=429,
    )


def seconds_to_wait(wait: float) -> int:
    """Whole seconds, 1 at least: what ``Retry-After`` and ``retry_after`` say."""
    return max(1, math.ceil(wait))
