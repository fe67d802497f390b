"""Which pages may open the WebSocket."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]


class SameOriginOnly:
    """Refuses sockets that another site's page opens with somebody's cookies.

    A browser always says which page it is (``Origin``): it has to be the portal's own host or one of
    ``SDWEB_ALLOWED_ORIGINS``. A program says nothing; it has no cookies but those of whoever runs it.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass on, or close before accepting."""
        chosen: Any = self.application if self._is_welcome(scope) else WebsocketDenier()
        await chosen(scope, receive, send)

    def _is_welcome(self, scope: Scope) -> bool:
        headers = {bytes(name): bytes(value).decode("latin1") for name, value in scope.get("headers", [])}
        origin = headers.get(b"origin")
        if origin is None:
            return True
        if origin.rstrip("/") in settings.CSRF_TRUSTED_ORIGINS:
            return True
        return bool(origin) and urlsplit(origin).netloc.lower() == headers.get(b"host", "").lower()
