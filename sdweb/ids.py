"""Identifiers of rows."""

import uuid

import uuid_utils.compat


def uuid7() -> uuid.UUID:
    """A new UUID of version 7 (RFC 9562): unique anywhere, and sorted by time of creation."""
    return uuid_utils.compat.uuid7()
