"""The HTTP API: one place that puts the routers together and gives every failure the same shape."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, AuthorizationError, HttpError, ValidationError

from gallery.api import router as images_router
from generation.api import (
    jobs_router,
    limits_router,
    options_router,
    prompts_router,
    queue_router,
    recipes_router,
    styles_router,
    uploads_router,
    workers_router,
)
from models_hub.api import router as models_router
from sdweb import __version__
from sdweb.accounts.api import router as accounts_router
from sdweb.accounts.api_audit import router as audit_router
from sdweb.accounts.api_tokens import router as tokens_router
from sdweb.accounts.authentication import session_only, signed_in
from sdweb.accounts.models import ApiToken
from sdweb.accounts.totp import router as totp_router
from sdweb.errors import PortalError, not_found

api = NinjaAPI(
    title="Stable Diffusion portal",
    version=__version__,
    description="Submit generations, follow them, keep pictures. Errors: `{code, message, hint, fields}`.",
    urls_namespace="api",
    auth=session_only,
)
_generating = signed_in(write=ApiToken.Scope.GENERATE)
_collecting = signed_in(write=ApiToken.Scope.GALLERY)
_managing = signed_in(read=ApiToken.Scope.MANAGE, write=ApiToken.Scope.MANAGE)
api.add_router("", accounts_router)
api.add_router("", totp_router)
api.add_router("/audit", audit_router, auth=_managing)
api.add_router("/me/tokens", tokens_router, auth=session_only)
api.add_router("", options_router, auth=_generating)
api.add_router("", limits_router, auth=_generating)
api.add_router("", styles_router, auth=_generating)
api.add_router("/jobs", jobs_router, auth=_generating)
api.add_router("/queue", queue_router, auth=signed_in(write=ApiToken.Scope.MANAGE))
api.add_router("/prompts", prompts_router, auth=_generating)
api.add_router("/uploads", uploads_router, auth=_generating)
api.add_router("/images", images_router, auth=_collecting)
api.add_router("/images", recipes_router, auth=_collecting)
api.add_router("/workers", workers_router, auth=_managing)
api.add_router("/models", models_router, auth=signed_in(write=ApiToken.Scope.MANAGE))


def _answer(request: HttpRequest, error: PortalError) -> HttpResponse:
    return api.create_response(request, error.as_dict(), status=error.status)


@api.exception_handler(PortalError)
def on_portal_error(request: HttpRequest, error: PortalError) -> HttpResponse:
    """A service refused."""
    return _answer(request, error)


@api.exception_handler(ValidationError)
def on_validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """The input has the wrong shape."""
    fields = {_field(problem["loc"]): str(problem["msg"]) for problem in error.errors}
    message = "; ".join(f"{name}: {what}" for name, what in fields.items())
    return _answer(request, PortalError("invalid_input", message, fields=fields, status=422))


def _field(location: tuple[Any, ...]) -> str:
    # ("body", "params", "width") is "width" to whoever sent it, ("file", "picture") is "picture".
    if location[0] == "file":
        location = location[1:]
    names = [
        str(part) for part in location if part not in {"body", "query", "path", "header", "params", "data"}
    ]
    return ".".join(names) or "body"


@api.exception_handler(AuthenticationError)
def on_not_signed_in(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    """No session, or one that has ended."""
    return _answer(request, PortalError("not_signed_in", "Sign in first.", status=401))


@api.exception_handler(AuthorizationError)
def on_forbidden(request: HttpRequest, _error: AuthorizationError) -> HttpResponse:
    """Signed in, and not allowed."""
    return _answer(request, PortalError("forbidden", "You may not do this.", status=403))


@api.exception_handler(RequestDataTooBig)
def on_body_too_large(request: HttpRequest, _error: RequestDataTooBig) -> HttpResponse:
    """More than any request needs; it was not read."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
    return _answer(
        request,
        PortalError("body_too_large", f"The body of this request is larger than {limit} MiB.", status=413),
    )


@api.exception_handler(Http404)
def on_not_found(request: HttpRequest, _error: Http404) -> HttpResponse:
    """Not there, or not yours."""
    return _answer(request, not_found("What you asked for"))


@api.exception_handler(HttpError)
def on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The body could not be read, and the like."""
    code = {400: "invalid_body", 403: "csrf_failed", 429: "too_many_requests"}.get(
        error.status_code, "refused"
    )
    return _answer(request, PortalError(code, str(error), status=error.status_code))
