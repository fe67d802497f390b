"""Who opens a WebSocket: a session's cookie, or an API token."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser

from sdweb.accounts.models import ApiToken, AuditEntry
from sdweb.accounts.origin import Origin, current_origin, scope_address
from sdweb.accounts.tokens import scope_require, token_authenticate, token_origin
from sdweb.errors import PortalError

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]

SUBPROTOCOL: Final = "sdweb"
"""What a page offers beside its token, so that the answer need not repeat the token."""
BEARER: Final = "sdweb.bearer."


class SocketSignIn:
    """Puts ``user``, ``api_token``, ``refusal`` and ``subprotocol`` into the scope; sets ``current_origin``.

    A program sends ``Authorization: Bearer sdw_...``. A page cannot set headers of a socket: it offers the
    subprotocols ``sdweb`` and ``sdweb.bearer.sdw_...``. An address is no place for a token: it is logged.
    """

    def __init__(self, application: Any) -> None:
        self.with_token = application
        self.with_session: Any = AuthMiddlewareStack(application)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """One socket, from its beginning to its end; the context is this task's own."""
        origin = Origin(address=scope_address(scope), via=AuditEntry.Via.SESSION)
        current_origin.set(origin)
        text, subprotocol = socket_token(scope)
        found: Scope = {**scope, "api_token": None, "refusal": None, "subprotocol": subprotocol}
        if text is None:
            await self.with_session(found, receive, send)
            return
        found["user"] = AnonymousUser()
        try:
            token = await database_sync_to_async(_token)(text)
        except PortalError as refusal:
            found["refusal"] = refusal
        else:
            found.update(user=token.user, api_token=token)
            current_origin.set(token_origin(origin, token))
        await self.with_token(found, receive, send)


def _token(text: str) -> ApiToken:
    token = token_authenticate(text)
    # A socket tells its person's jobs and pictures from the first moment.
    scope_require(token.scopes, ApiToken.Scope.READ)
    return token


def socket_token(scope: Scope) -> tuple[str | None, str | None]:
    """The token that a socket brings, and the subprotocol to answer with; None where there is none."""
    offered = list(scope.get("subprotocols") or ())
    with_token = next((one for one in offered if one.startswith(BEARER)), None)
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in offered else with_token
    for name, value in scope.get("headers", []):
        scheme, _, credentials = bytes(value).decode("latin1").partition(" ")
        if bytes(name).lower() == b"authorization" and scheme.casefold() == "bearer":
            return credentials.strip(), subprotocol
    return (with_token.removeprefix(BEARER) if with_token else None), subprotocol
