"""What can be asked about people and the site."""

from typing import Final

from allauth.mfa.models import Authenticator
from django.conf import settings

from sdweb.accounts.models import SiteSettings, User

SECOND_FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What can be asked for at the sign-in; recovery codes only stand in for them."""


def site_settings() -> SiteSettings:
    """The site's one row of settings; the environment gives its first values."""
    row, _ = SiteSettings.objects.get_or_create(
        pk=1, defaults={"registration_open": settings.REGISTRATION_OPEN}
    )
    return row


def registration_open() -> bool:
    """Whether somebody may create an account now."""
    return site_settings().registration_open and not settings.SSO_ONLY


def registration_domains() -> frozenset[str]:
    """Domains whose addresses may register, in lower case; empty: all."""
    lines = site_settings().registration_domains.splitlines()
    return frozenset(line.strip().lstrip("@").lower() for line in lines if line.strip())


def second_factor_asked(user: User) -> bool:
    """Whether ``SDWEB_REQUIRE_2FA`` holds for this person."""
    required: str = settings.REQUIRE_2FA
    return required == "all" or (required == "staff" and user.is_staff)


def second_factor_missing(user: User) -> bool:
    """Whether this person must have a second factor and has none."""
    if not second_factor_asked(user):
        return False
    return not Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).exists()
