"""What staff without ``is_superuser`` may not do in the admin, whatever permissions they have.

Whoever may edit people or groups could otherwise give themselves every right there is, or take over the
account of somebody who has it.
"""

from typing import Any

from django.http import HttpRequest

from sdweb.accounts.models import User


class PeopleGuard:
    """For the admin of people: rights are an administrator's to give, and their accounts only theirs to
    change.
    """

    rights_fields = ("is_staff", "is_superuser", "groups", "user_permissions")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Rights too, for who is no administrator."""
        found = tuple(super().get_readonly_fields(request, obj))  # type: ignore[misc] # a mixin of ModelAdmin
        return found if _is_administrator(request) else (*found, *self.rights_fields)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Others who may enter the admin are for administrators alone; their passwords too."""
        return may_touch(request, obj) and bool(super().has_change_permission(request, obj))  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Likewise."""
        return may_touch(request, obj) and bool(super().has_delete_permission(request, obj))  # type: ignore[misc]


class GroupGuard:
    """For the admin of groups: what their members may do is an administrator's to say."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The permissions too, for who is no administrator."""
        found = tuple(super().get_readonly_fields(request, obj))  # type: ignore[misc] # a mixin of ModelAdmin
        return found if _is_administrator(request) else (*found, "permissions")


def _is_administrator(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def may_touch(request: HttpRequest, person: User | None) -> bool:
    """Whether this one may change things of that one, as far as it depends on who they are."""
    if person is None or _is_administrator(request) or person == request.user:
        return True
    return not (person.is_staff or person.is_superuser)
