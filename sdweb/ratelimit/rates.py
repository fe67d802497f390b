"""What a limit is. No Django: the settings read limits with this."""

import re
from dataclasses import dataclass
from typing import Final

_RATE: Final = re.compile(r"([0-9]{1,7})/([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``limit`` requests in any ``seconds`` seconds; 0 is no limit."""

    limit: int
    seconds: int

    @property
    def is_off(self) -> bool:
        """Whether everything is let through."""
        return self.limit == 0

    def __str__(self) -> str:
        return f"{self.limit}/{self.seconds}"


OFF: Final = Rate(0, 60)


def rate_read(text: str) -> Rate:
    """``100/60`` is 100 requests in 60 seconds, ``0`` is no limit.

    Seconds: 1 to 86,400. Raises ``ValueError`` for anything else.
    """
    if text.strip() == "0":
        return OFF
    found = _RATE.fullmatch(text.strip())
    if not found or not 1 <= int(found[2]) <= 86_400:
        raise ValueError("write requests/seconds, such as 100/60, or 0 for no limit")
    return Rate(int(found[1]), int(found[2]))
