"""Identifiers of rows."""

import uuid
from datetime import datetime

import uuid_utils.compat


def uuid7() -> uuid.UUID:
    """A new UUID of version 7 (RFC 9562): unique anywhere, and sorted by time of creation."""
    return uuid_utils.compat.uuid7()


def uuid7_floor(moment: datetime) -> uuid.UUID:
    """What every ``uuid7`` made at that moment or later is not below, to the millisecond."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
