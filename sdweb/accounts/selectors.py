"""What can be asked about people and the site."""

from django.conf import settings

from sdweb.accounts.models import SiteSettings


def site_settings() -> SiteSettings:
    """The site's one row of settings; the environment gives its first values."""
    row, _ = SiteSettings.objects.get_or_create(
        pk=1, defaults={"registration_open": settings.REGISTRATION_OPEN}
    )
    return row


def registration_open() -> bool:
    """Whether somebody may create an account now."""
    return site_settings().registration_open
