"""The WebSocket's addresses."""

from typing import Any

from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from generation.consumers import PortalConsumer
from sdweb.accounts.second_factor import SecondFactorSockets
from sdweb.accounts.sockets import SocketSignIn
from sdweb.origins import SameOriginOnly


async def _nowhere(scope: Any, receive: Any, send: Any) -> None:
    """Any other address is closed quietly instead of failing with a traceback."""
    await WebsocketDenier()(scope, receive, send)


# Django's path() is typed for views; Channels has always used it for applications.
routes: list[Any] = [
    path("ws/", PortalConsumer.as_asgi()),  # type: ignore[arg-type]
    re_path(r"", _nowhere),  # type: ignore[arg-type]
]
websocket_application: Any = SameOriginOnly(SocketSignIn(SecondFactorSockets(URLRouter(routes))))
