"""How allauth is adapted to the portal."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from sdweb.accounts.origin import client_address
from sdweb.accounts.selectors import registration_open


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no type information
    """Lets people join only while an administrator has registration open."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether the sign-up form is served; allauth answers 403 otherwise."""
        del request
        return registration_open()

    def get_client_ip(self, request: HttpRequest) -> str:
        """By which attempts are counted; whoever has no address (a Unix socket) is counted as one."""
        return client_address(request) or "0.0.0.0"  # noqa: S104 - a mark, nothing is bound to it


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth has no type information
    """Passkeys belong to the portal's public name."""

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The relying party: its id is the name that browsers bind passkeys to."""
        return {"id": passkey_host(context.request), "name": settings.MFA_TOTP_ISSUER}


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
