"""Headers that every answer carries."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from sdweb.errors import PortalError
from sdweb.static import inline_script_hashes

GetResponse = Callable[[HttpRequest], HttpResponse] | Callable[[HttpRequest], Awaitable[HttpResponse]]

SHARED: Final = (
    "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "frame-ancestors 'none'; "
)
# The admin's own scripts are inline and use Alpine, which evaluates expressions; only staff get there.
ADMIN_SCRIPTS: Final = "script-src 'self' 'unsafe-inline' 'unsafe-eval'"
ADMIN_PREFIXES: Final = ("/admin/", "/api/v1/docs")
PRIVATE_PREFIXES: Final = ("/api/", "/_allauth/", "/admin/")
PICTURES: Final = "/outputs/"
PERMISSIONS: Final = ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope",
        "magnetometer", "microphone", "midi", "payment", "serial", "usb",
    )
)  # fmt: skip
"""Nothing here needs them, so nothing that got in here could use them."""


class SecurityHeadersMiddleware:
    """Adds the Content-Security-Policy, strict but for the admin; answers for an absent Redis."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        hashes = " ".join(inline_script_hashes(settings.FRONTEND_DIST / "index.html"))
        # The way to a provider of single sign-on begins with a form, and browsers look at every step of it.
        forms = " ".join(("form-action 'self'", *settings.SIGN_ON_ORIGINS))
        shared = f"{SHARED}connect-src {_connections()}; {forms}; "
        self.portal_policy = shared + f"script-src 'self' {hashes}".rstrip()
        self.admin_policy = shared + ADMIN_SCRIPTS
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        response = self.get_response(request)
        if isinstance(response, Awaitable):
            return self._when_ready(request, response)
        return self._with_policy(request, response)

    async def _when_ready(self, request: HttpRequest, response: Awaitable[HttpResponse]) -> HttpResponse:
        return self._with_policy(request, await response)

    def process_exception(self, _request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Redis may be restarted at any moment: until it is back, what needs it says so."""
        if not isinstance(exception, RedisConnectionError | RedisTimeoutError):
            return None
        error = PortalError(
            "unavailable",
            "A part of the server is being restarted.",
            hint="Try again in a moment.",
            status=503,
        )
        return JsonResponse(error.as_dict(), status=error.status, headers={"Retry-After": "5"})

    def _with_policy(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        admin = request.path.startswith(ADMIN_PREFIXES)
        response.headers.setdefault(
            "Content-Security-Policy", self.admin_policy if admin else self.portal_policy
        )
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        # Other sites cannot show our answers; an interface on another origin may show the pictures.
        elsewhere = request.path.startswith(PICTURES) and settings.INTERFACE_ELSEWHERE
        response.headers.setdefault(
            "Cross-Origin-Resource-Policy", "cross-origin" if elsewhere else "same-origin"
        )
        if request.path.startswith(PRIVATE_PREFIXES):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class ErrorShapeMiddleware:
    """Whatever fails under ``/api/`` outside of the API itself (a wrong method, a wrong host, a fault) has
    the API's shape too.
    """

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        response = self.get_response(request)
        if isinstance(response, Awaitable):
            return self._when_ready(request, response)
        return in_our_shape(request, response)

    async def _when_ready(self, request: HttpRequest, response: Awaitable[HttpResponse]) -> HttpResponse:
        return in_our_shape(request, await response)


SHAPES: Final = {
    400: ("bad_request", "The server does not understand this request."),
    403: ("forbidden", "You may not do this."),
    404: ("not_found", "This address was not found."),
    405: ("method_not_allowed", "This address does not know this method."),
    500: ("internal_error", "Something went wrong on the server."),
}


def in_our_shape(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response; a refusal that is a page or a line becomes ``{code, message, hint, fields}``."""
    shape = SHAPES.get(response.status_code)
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    if shape is None or is_json or not request.path.startswith("/api/"):
        return response
    error = PortalError(*shape, status=response.status_code)
    allow = {"Allow": response.headers["Allow"]} if "Allow" in response.headers else {}
    return JsonResponse(error.as_dict(), status=error.status, headers=allow)


def _connections() -> str:
    # 'self' names the WebSocket of the same host too, where the page's scheme is the socket's.
    public = urlsplit(settings.PUBLIC_URL)
    if not public.netloc:
        return "'self'"
    return f"'self' {'wss' if public.scheme == 'https' else 'ws'}://{public.netloc}"
