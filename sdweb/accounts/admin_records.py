"""API tokens and the audit log in the admin: to be looked at; tokens can be revoked."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from sdweb.accounts.models import ApiToken, AuditEntry, User
from sdweb.accounts.tokens import tokens_revoke


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no type information
    """Everybody's tokens: seen without their secrets, and revoked."""

    list_display = ("name", "user", "prefix", "scopes", "created_at", "expires_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    ordering = ("-id",)
    fields = ("name", "user", "prefix", "scopes", "created_at", "expires_at", "last_used_at")
    readonly_fields = fields
    actions = ("revoke_selected",)

    @admin.action(description="Revoke", permissions=["delete"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """They end now."""
        revoked = tokens_revoke(tokens=queryset, actor=cast("User", request.user))
        self.message_user(request, f"{revoked} tokens were revoked.", messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        """The same by the button of one."""
        tokens_revoke(tokens=ApiToken.objects.filter(pk=obj.pk), actor=cast("User", request.user))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without the usual deletion in bulk: it would not say whose token it was."""
        found: dict[str, Any] = super().get_actions(request)
        found.pop("delete_selected", None)
        return found

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People make their own, and only they see the secret."""
        del request
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no type information
    """Who did what: to be read, and by nobody changed."""

    list_display = ("at", "action", "actor_name", "target", "target_name", "via", "address")
    list_filter = ("via", "at")
    search_fields = ("action", "actor_name", "target", "target_name")
    show_full_result_count = False
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The portal writes it."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """What happened has happened."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Old entries go by themselves."""
        del request, obj
        return False
