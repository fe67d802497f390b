"""How the HTTP API knows who is asking.

Each router is mounted with one of these: ``signed_in(write=...)`` lets in sessions, and API tokens whose
scopes hold what the method needs (``read`` to look, ``write`` to change); ``session_only`` is for what a
token must never do, such as making more tokens; ``anybody`` is for what strangers may see too.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from django.http import HttpRequest
from ninja.security import HttpBearer
from ninja.security import SessionAuth as NinjaSessionAuth

from sdweb.accounts.models import ApiToken, User
from sdweb.accounts.origin import current_origin
from sdweb.accounts.second_factor import second_factor_refusal
from sdweb.accounts.selectors import second_factor_missing
from sdweb.accounts.tokens import scope_require, token_authenticate, token_origin
from sdweb.errors import PortalError

Authentication = Callable[..., Any]

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def bearer(request: HttpRequest) -> str | None:
    """What follows ``Bearer`` in the request's ``Authorization``, or None where there is no such header."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return credentials.strip() if scheme.casefold() == "bearer" else None


def token_sign_in(request: HttpRequest, scope: ApiToken.Scope | None) -> ApiToken | None:
    """Make the request the token's, if it carries one; ``scope`` is what it must be allowed, None nothing.

    Raises ``invalid_token``, ``scope_missing`` and ``second_factor_required``. Returns None for a request
    without a token.
    """
    text = bearer(request)
    if text is None:
        return None
    token = token_authenticate(text)
    request.user = token.user
    current_origin.set(token_origin(current_origin.get(), token))
    if scope is not None:
        scope_require(token.scopes, scope)
        if second_factor_missing(token.user):
            raise second_factor_refusal()
    return token


def viewer(request: HttpRequest) -> User | None:
    """Who asks a view outside the API to show something: by a token that may read, or by the session.

    Raises ``invalid_token`` and ``scope_missing``.
    """
    token_sign_in(request, ApiToken.Scope.READ)
    return request.user if isinstance(request.user, User) else None


class ApiTokenAuth(HttpBearer):
    """``Authorization: Bearer sdw_...``; no CSRF token is asked for, since no browser sends it by itself."""

    def __init__(self, *, read: ApiToken.Scope | None, write: ApiToken.Scope | None) -> None:
        super().__init__()
        self.read, self.write = read, write

    def __call__(self, request: HttpRequest) -> ApiToken | None:
        """Asked by ninja; None lets it ask the next."""
        return token_sign_in(request, self.read if request.method in READING else self.write)

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        """Part of ninja's interface: the same, of a header that ninja has split."""
        del token
        return self(request)


class SessionAuth(NinjaSessionAuth):
    """The session's cookie, with its CSRF token where something is changed."""

    def __call__(self, request: HttpRequest) -> Any:
        """Asked by ninja; a token that comes this far is at a door that is closed to tokens."""
        if bearer(request) is not None:
            raise PortalError(
                "session_only",
                "An API token cannot do this.",
                hint="Sign in with a browser.",
                status=403,
            )
        return super().__call__(request)


def _anybody(_request: HttpRequest) -> bool:
    return True


session_only: Final[Sequence[Authentication]] = (SessionAuth(),)
anybody: Final[Sequence[Authentication]] = (ApiTokenAuth(read=None, write=None), _anybody)


def signed_in(*, write: ApiToken.Scope, read: ApiToken.Scope = ApiToken.Scope.READ) -> list[Authentication]:
    """The session's cookie (with its CSRF token), or ``Authorization: Bearer sdw_...``."""
    return [ApiTokenAuth(read=read, write=write), *session_only]
