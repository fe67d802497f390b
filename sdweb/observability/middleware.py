"""Knows which request is served, and counts what became of it."""

import time
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from sdweb.observability.context import current_request, request_id_of
from sdweb.observability.metrics import request_count

GetResponse = Callable[[HttpRequest], HttpResponse] | Callable[[HttpRequest], Awaitable[HttpResponse]]


class ObservedMiddleware:
    """The outermost: every line of the log says the request's id, and so does its answer."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if self.is_async:
            return self._async(request)
        token, began = current_request.set(request), time.perf_counter()
        try:
            response = self.get_response(request)
            assert not isinstance(response, Awaitable)  # noqa: S101 - for mypy: the chain is not async here
            return _noted(request, response, began)
        finally:
            current_request.reset(token)

    async def _async(self, request: HttpRequest) -> HttpResponse:
        token, began = current_request.set(request), time.perf_counter()
        try:
            response = self.get_response(request)
            assert isinstance(response, Awaitable)  # noqa: S101 - for mypy: the chain is async here
            return _noted(request, await response, began)
        finally:
            current_request.reset(token)


def _noted(request: HttpRequest, response: HttpResponse, began: float) -> HttpResponse:
    response["X-Request-ID"] = request_id_of(request)
    request_count(request, response.status_code, seconds=time.perf_counter() - began)
    return response
