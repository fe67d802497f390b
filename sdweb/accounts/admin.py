"""People and the registration switch in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from sdweb.accounts import admin_records, admin_signing_in
from sdweb.accounts.limits_admin import HOW, ROWS, GroupLimitsInline, LimitsForm, UserLimitsInline
from sdweb.accounts.models import SiteSettings, User
from sdweb.accounts.selectors import site_settings
from sdweb.accounts.services import address_set
from sdweb.accounts.staff import GroupGuard, PeopleGuard

del admin_records, admin_signing_in  # they register themselves
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(PeopleGuard, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg] # unfold has no types
    """People: names, roles, whether they may sign in."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "language")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    inlines = (UserLimitsInline,)

    def save_model(self, request: HttpRequest, obj: User, form: Any, *details: Any, **options: Any) -> None:
        """Save, and count the address as confirmed."""
        super().save_model(request, obj, form, *details, **options)
        if "email" in form.changed_data:
            address_set(user=obj)


@admin.register(Group)
class GroupAdmin(GroupGuard, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc] # unfold has no type information
    """Groups of people who share rights and limits."""

    inlines = (GroupLimitsInline,)


@admin.register(SiteSettings)
class SiteSettingsAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no type information
    """The one row of settings that can change while the portal runs."""

    form = LimitsForm
    fieldsets = (
        ("Joining", {"fields": ("registration_open", "registration_domains")}),
        ("Everybody's limits", {"fields": ROWS, "description": HOW}),
        ("Cleaning up", {"fields": ("picture_days", "job_days", "audit_days")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one row, and it is already there."""
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """It stays."""
        del request, obj
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Go straight to the row instead of showing a list of one."""
        del extra_context
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return redirect(reverse("admin:accounts_sitesettings_change", args=[site_settings().pk]))
