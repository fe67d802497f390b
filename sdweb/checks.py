"""Checks of the installation that run with every management command."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from sdweb.settings.env import unknown_variables


@register()
def check_environment(**_kwargs: Any) -> list[CheckMessage]:
    """A misspelt variable would silently leave its default in place."""
    return [
        Warning(
            f"Nothing reads the environment variable {name}.",
            hint="See docs/configuration.md for the names.",
            id="sdweb.W001",
        )
        for name in unknown_variables()
    ]


@register(deploy=True)
def check_database(**_kwargs: Any) -> list[CheckMessage]:
    """SQLite has one writer at a time, and no second machine can reach it."""
    if settings.PROFILE != "production" or settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        return []
    return [
        Warning(
            "A production portal keeps its data in SQLite.",
            hint="Set SDWEB_DATABASE_URL to a PostgreSQL server.",
            id="sdweb.W002",
        )
    ]
