"""What every HTTP request goes through before anything asks who it is."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from sdweb.accounts.authentication import bearer
from sdweb.accounts.models import AuditEntry
from sdweb.accounts.origin import Origin, client_address, current_origin
from sdweb.observability.context import request_id_of

GetResponse = Callable[[HttpRequest], HttpResponse] | Callable[[HttpRequest], Awaitable[HttpResponse]]


class OriginMiddleware:
    """Sets ``current_origin`` for as long as the request is served, and keeps tokens and cookies apart.

    A request with a token is the token's alone: its cookies are not looked at, and none are set.
    """

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if self.is_async:
            return self._served(request)
        before = current_origin.set(_origin(request))
        try:
            return _without_cookies(request, cast("HttpResponse", self.get_response(request)))
        finally:
            current_origin.reset(before)

    async def _served(self, request: HttpRequest) -> HttpResponse:
        # Set here and not in __call__: this runs in the request's own context.
        before = current_origin.set(_origin(request))
        try:
            response = cast("Awaitable[HttpResponse]", self.get_response(request))
            return _without_cookies(request, await response)
        finally:
            current_origin.reset(before)


def _origin(request: HttpRequest) -> Origin:
    if bearer(request) is not None:
        request.META.pop("HTTP_COOKIE", None)
    # Whether the session is alive is not asked: most requests never need to know.
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    return Origin(
        address=client_address(request),
        via=AuditEntry.Via.SESSION if has_session else AuditEntry.Via.ANONYMOUS,
        request_id=request_id_of(request),
        who=lambda: request.user,
    )


def _without_cookies(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if bearer(request) is not None:
        response.cookies.clear()
    return response
