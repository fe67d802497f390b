"""Checks of the installation that run with every management command."""

from typing import Any

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
