"""A person's page in the admin, with what holds for them and what they have used."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from generation.quotes import my_limits
from generation.schemas.limits import LimitCountOut
from sdweb.accounts.admin import UserAdmin
from sdweb.accounts.limits_admin import LABELS
from sdweb.accounts.models import User

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(UserAdmin):
    """People, and their limits beside what counts for them."""

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """With the table of limits."""
        return (*super().get_readonly_fields(request, obj), "limits_now")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> list[tuple[Any, Any]]:
        """With the table of limits, where there is somebody yet."""
        found = list(super().get_fieldsets(request, obj))
        return [*found, ("Limits that hold now", {"fields": ("limits_now",)})] if obj else found

    @admin.display(description="Limit and use")
    def limits_now(self, user: User) -> SafeString:
        """Of themselves, their groups or the site, whichever is nearest."""
        rows = format_html_join(
            "",
            '<tr><th scope="row" style="text-align:left;padding:2px 24px 2px 0">{}</th>'
            '<td style="padding:2px 24px 2px 0">{}</td><td>{}</td></tr>',
            _rows(user),
        )
        return format_html("<table>{}</table>", rows)


def _rows(user: User) -> Iterator[tuple[str, str, str]]:
    limits = my_limits(user)
    yield LABELS["may_generate"], "yes" if limits.may_generate else "no", ""
    yield LABELS["weight"], f"{limits.weight:g}", ""
    for name, label in LABELS.items():
        value = getattr(limits, name)
        if isinstance(value, LimitCountOut):
            ahead = f" and {value.ahead:g} to come" if value.ahead else ""
            yield label, _limit(value.limit), f"{value.used:g} used{ahead}"
        elif name in ("largest_side", "steps"):
            yield label, _limit(value), ""


def _limit(value: int | None) -> str:
    return "no limit" if value is None else str(value)
