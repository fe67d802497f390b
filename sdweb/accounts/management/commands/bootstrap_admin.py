"""``manage.py bootstrap_admin``: make sure that somebody can administer a new portal."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sdweb.accounts.services import administrator_bootstrap
from sdweb.errors import PortalError


class Command(BaseCommand):
    """Creates the first administrator from SDWEB_ADMIN_USERNAME, _PASSWORD and _EMAIL; does nothing
    afterwards.
    """

    help = __doc__ or ""

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print ``ADMIN_PASSWORD=<password>`` to stdout, only when one was made up, only this once."""
        try:
            done = administrator_bootstrap(
                username=settings.ADMIN_USERNAME, password=settings.ADMIN_PASSWORD, email=settings.ADMIN_EMAIL
            )
        except PortalError as error:
            raise CommandError(f"{error.message} {error.hint}".strip()) from None
        if done.user is None:
            self.stderr.write("An administrator exists already; nothing was changed.")
            return
        self.stderr.write(f"Created the administrator {done.user.get_username()}.")
        if done.generated_password:
            self.stdout.write(f"ADMIN_PASSWORD={done.generated_password}")
