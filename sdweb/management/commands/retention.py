"""``manage.py retention``: what beat does every hour, now, or only told."""

from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand
from django.utils import timezone

from gallery.retention import RULES as OF_GALLERY
from generation.retention import RULES as OF_GENERATION
from sdweb.accounts.retention import RULES as OF_ACCOUNTS
from sdweb.retention import Rule

RULES: Final[tuple[Rule, ...]] = (*OF_GALLERY, *OF_GENERATION, *OF_ACCOUNTS)


class Command(BaseCommand):
    """Lets go what has been kept long enough."""

    help = "Delete what has been kept long enough, as the site's settings and the environment say."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One switch."""
        parser.add_argument("--dry-run", action="store_true", help="Only say how many would go.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """One line for each rule."""
        now = timezone.now()
        for rule in RULES:
            count = rule.due(now) if options["dry_run"] else rule.apply(now)
            self.stdout.write(f"{count:>8}  {rule.what}{' (would be)' if options['dry_run'] else ''}")
