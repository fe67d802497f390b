"""Headers that every answer carries."""

from collections.abc import Awaitable, Callable
from typing import Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from sdweb.errors import PortalError
from sdweb.static import inline_script_hashes

GetResponse = Callable[[HttpRequest], HttpResponse] | Callable[[HttpRequest], Awaitable[HttpResponse]]

SHARED: Final = (
    "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; "
    "style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "frame-ancestors 'self'; "
)
# The admin's own scripts are inline and use Alpine, which evaluates expressions; only staff get there.
ADMIN_SCRIPTS: Final = "script-src 'self' 'unsafe-inline' 'unsafe-eval'"
ADMIN_PREFIXES: Final = ("/admin/", "/api/v1/docs")


class SecurityHeadersMiddleware:
    """Adds the Content-Security-Policy, strict but for the admin; answers for an absent Redis."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        hashes = " ".join(inline_script_hashes(settings.FRONTEND_DIST / "index.html"))
        # The way to a provider of single sign-on begins with a form, and browsers look at every step of it.
        forms = " ".join(("form-action 'self'", *settings.SIGN_ON_ORIGINS))
        shared = f"{SHARED}{forms}; "
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
        return response
