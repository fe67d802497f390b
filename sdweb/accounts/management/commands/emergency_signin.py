"""``manage.py emergency_signin``: a way in for an administrator when no other is left."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sdweb.accounts.doors import EMERGENCY_SECONDS, emergency_token
from sdweb.accounts.services import emergency_administrator
from sdweb.errors import PortalError


class Command(BaseCommand):
    """Prints a link that signs an administrator in once, without password, second factor or provider.

    The administrator is made, without a password, where there is nobody of that name.
    """

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """The administrator's name."""
        parser.add_argument("username", nargs="?", default=settings.ADMIN_USERNAME)

    def handle(self, *_args: Any, username: str, **_options: Any) -> None:
        """Print the link to stdout."""
        try:
            user = emergency_administrator(username=username)
        except PortalError as error:
            raise CommandError(f"{error.message} {error.hint}".strip()) from None
        home = settings.PUBLIC_URL or f"http://127.0.0.1:{settings.PORT}"
        self.stderr.write(f"Signs {username} in once, within {EMERGENCY_SECONDS // 60} minutes:")
        self.stdout.write(f"{home}/accounts/emergency/{emergency_token(user)}/")
