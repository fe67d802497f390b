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
    return site_settings().registration_open


def second_factor_missing(user: User) -> bool:
    """Whether ``SDWEB_REQUIRE_2FA`` asks this person for a second factor that they do not have yet."""
    asked = settings.REQUIRE_2FA == "all" or (settings.REQUIRE_2FA == "staff" and user.is_staff)
    return asked and not Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).exists()
