"""Second factors: passkeys that belong to the portal's name, and people who must have one."""

from collections.abc import Callable, MutableMapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from channels.db import database_sync_to_async
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse

from sdweb.accounts.models import User
from sdweb.accounts.selectors import SECOND_FACTORS, second_factor_asked, second_factor_missing
from sdweb.errors import PortalError

OPEN_PATHS: Final = ("/_allauth/", "/accounts/", "/static/")
OPEN_PAGES: Final = frozenset(
    {"/", "/api/v1/me", "/api/v1/me/totp-picture", "/healthz", "/readyz", "/admin/logout/"}
)
"""What people without the second factor that they must have can reach: what sets one up, and nothing more."""
SET_UP_PAGE: Final = "/#/settings/security"


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth has no type information
    """Binds passkeys to the portal's public name, and keeps the last factor of those who must have one."""

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The relying party: its id is the name that browsers bind passkeys to."""
        return {"id": passkey_host(context.request), "name": settings.MFA_TOTP_ISSUER}

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Whether something is left that can be asked for, where something must be."""
        user = authenticator.user
        if not second_factor_asked(user):
            return True
        others = Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS)
        return bool(others.exclude(pk=authenticator.pk).exists())


def passkey_host(request: HttpRequest) -> str:
    """The host name that passkeys are made for: of the public address, else of the request."""
    return urlsplit(settings.PUBLIC_URL or request.build_absolute_uri("/")).hostname or ""


def passkeys_possible(request: HttpRequest) -> bool:
    """Whether a browser will make a passkey here: it wants a name, no number, and TLS or localhost."""
    host = passkey_host(request)
    try:
        ip_address(host)
    except ValueError:
        secure = settings.PUBLIC_URL.startswith("https://") or request.is_secure()
        return secure or host == "localhost" or host.endswith(".localhost")
    return False


def second_factor_refusal() -> PortalError:
    """What people hear who must set one up first."""
    return PortalError(
        "second_factor_required",
        "Set up a second factor first.",
        hint="Settings, Security: an authenticator app or a passkey.",
        status=403,
    )


class SecondFactorMiddleware:
    """Keeps people without the second factor that they must have to where they can set it up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve, or refuse."""
        if settings.REQUIRE_2FA != "none" and not _is_open(request.path):
            user = request.user
            if isinstance(user, User) and second_factor_missing(user):
                return _refused(request)
        return self.get_response(request)


def _is_open(path: str) -> bool:
    return path in OPEN_PAGES or path.startswith(OPEN_PATHS)


def _refused(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/admin/"):
        return HttpResponseRedirect(SET_UP_PAGE)
    refusal = second_factor_refusal()
    return JsonResponse(refusal.as_dict(), status=refusal.status)


Scope = MutableMapping[str, Any]


class SecondFactorSockets:
    """The same for WebSockets: such people's are not accepted."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass on, or close before accepting."""
        user = scope.get("user")
        refused = settings.REQUIRE_2FA != "none" and await database_sync_to_async(_is_missing)(user)
        chosen: Any = WebsocketDenier() if refused else self.application
        await chosen(scope, receive, send)


def _is_missing(user: Any) -> bool:
    # The scope's user is a lazy object: whose class is only known when it is looked at, here in a thread.
    return bool(user and user.is_authenticated and second_factor_missing(user))
