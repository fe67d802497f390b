"""The limit on HTTP. Files of the browser interface are answered before this is reached."""

import json
import math
from collections.abc import Awaitable, Callable
from typing import Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse

from sdweb.errors import PortalError
from sdweb.observability.metrics import RATE_LIMITED
from sdweb.ratelimit.clients import client_of
from sdweb.ratelimit.limiter import Budget, limiter, rate_of
from sdweb.ratelimit.refusals import seconds_to_wait, too_many_requests
from sdweb.ratelimit.window import Verdict

GetResponse = Callable[[HttpRequest], HttpResponse] | Callable[[HttpRequest], Awaitable[HttpResponse]]

FREE: Final = ("/healthz", "/readyz", "/metrics", "/static/")
"""Asked for by machines that watch the portal, and files."""
SIGN_IN_WAIT: Final = 60
"""Seconds to wait where allauth's own limits refuse, which do not say how long."""


class RateLimitMiddleware:
    """Refuses with 429 who asks more often than the limit, and tells everybody how much they have left."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self.get_response):
            return self._async(request)
        verdict = self._take(request)
        if verdict and not verdict.allowed:
            return refusal(verdict, _budget(request))
        response = self.get_response(request)
        assert not isinstance(response, Awaitable)  # noqa: S101 - for mypy: the chain is not async here
        return _told(request, response, verdict)

    async def _async(self, request: HttpRequest) -> HttpResponse:
        verdict = await sync_to_async(self._take)(request)
        if verdict and not verdict.allowed:
            return refusal(verdict, _budget(request))
        response = await self.get_response(request)  # type: ignore[misc] # as the chain was built: awaitable
        return _told(request, response, verdict)

    def _take(self, request: HttpRequest) -> Verdict | None:
        if request.path.startswith(FREE) or rate_of(_budget(request)).is_off:
            return None
        return limiter().take(client_of(request), _budget(request))


def refusal(verdict: Verdict, budget: Budget) -> HttpResponse:
    """429 with ``Retry-After``."""
    RATE_LIMITED.labels("http").inc()
    error = too_many_requests(verdict.wait)
    response = JsonResponse(error.as_dict(), status=error.status, headers={"Cache-Control": "no-store"})
    response["Retry-After"] = str(seconds_to_wait(verdict.wait))
    _tell(response, verdict, budget)
    return response


def _budget(request: HttpRequest) -> Budget:
    return Budget.PICTURES if request.path.startswith("/outputs/") else Budget.REQUESTS


def _told(request: HttpRequest, response: HttpResponse, verdict: Verdict | None) -> HttpResponse:
    if verdict:
        _tell(response, verdict, _budget(request))
    if response.status_code == 429 and request.path.startswith("/_allauth/"):
        return _in_our_words(response)
    return response


def _tell(response: HttpResponse, verdict: Verdict, budget: Budget) -> None:
    """``RateLimit`` and ``RateLimit-Policy`` of draft-ietf-httpapi-ratelimit-headers-11."""
    rate = rate_of(budget)
    response["RateLimit-Policy"] = f'"{budget}";q={rate.limit};w={rate.seconds}'
    response["RateLimit"] = f'"{budget}";r={verdict.remaining};t={math.ceil(verdict.wait)}'


def _in_our_words(response: HttpResponse) -> HttpResponse:
    """allauth refuses too many attempts with a page; the browser interface reads JSON."""
    error = PortalError(
        "too_many_requests",
        "Too many attempts.",
        hint="Wait a few minutes and try again.",
        status=429,
    )
    response.content = json.dumps({"status": 429, **error.as_dict()}).encode()
    response["Content-Type"] = "application/json"
    response["Content-Length"] = str(len(response.content))
    response["Cache-Control"] = "no-store"
    response.headers.setdefault("Retry-After", str(SIGN_IN_WAIT))
    return response
