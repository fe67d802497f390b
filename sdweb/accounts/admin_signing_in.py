"""How people sign in, in the admin: to be looked at, and to be taken away; nothing here shows a secret."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from sdweb.accounts.sessions import SessionsAdapter
from sdweb.accounts.staff import may_touch

# Addresses are part of the person's page; providers come from the environment, their tokens are not kept.
for _model in (EmailAddress, SocialApp, SocialToken, Authenticator, SocialAccount, UserSession):
    admin.site.unregister(_model)


class TakenAwayOnly(ModelAdmin):  # type: ignore[misc] # unfold has no type information
    """Rows that people make themselves."""

    list_select_related = ("user",)
    search_fields = ("user__username", "user__email")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only their owners can."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nothing about them can be changed."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Of administrators and staff only administrators take anything away."""
        return may_touch(request, obj and obj.user) and bool(super().has_delete_permission(request, obj))


@admin.register(Authenticator)
class AuthenticatorAdmin(TakenAwayOnly):
    """Second factors: taken away from who has lost theirs."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    fields = list_display


@admin.register(SocialAccount)
class SocialAccountAdmin(TakenAwayOnly):
    """Connected accounts of providers."""

    list_display = ("user", "provider", "uid", "last_login")
    list_filter = ("provider",)
    fields = list_display


@admin.register(UserSession)
class UserSessionAdmin(TakenAwayOnly):
    """Who is signed in from where; deleting a row ends the session."""

    list_display = ("user", "ip", "user_agent", "created_at", "last_seen_at")
    fields = list_display
    ordering = ("-last_seen_at",)

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        """End it."""
        del request
        SessionsAdapter().end_sessions([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End them."""
        del request
        SessionsAdapter().end_sessions(list(queryset))
