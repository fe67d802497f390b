"""The library in the admin: what may be used, what is the default, what was refused. Paths are not to be
edited.
"""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action

from models_hub import services
from models_hub.models import ModelFile, ScanIssue
from models_hub.tasks import scan_library
from sdweb.errors import PortalError


class FoundByScan(ModelAdmin):  # type: ignore[misc] # unfold has no type information
    """Rows that scans make: nobody adds one by hand."""

    actions_list = ("scan_now",)

    @action(  # type: ignore[untyped-decorator]
        description="Scan now", url_path="scan-now", permissions=["scan"]
    )
    def scan_now(self, request: HttpRequest) -> HttpResponse:
        """Ring the io worker: hashing large files takes longer than a page should."""
        transaction.on_commit(scan_library.delay)
        self.message_user(request, "The models folder is being scanned; reload in a moment.", messages.INFO)
        return redirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))

    def has_scan_permission(self, request: HttpRequest) -> bool:
        """Whoever may change models."""
        return request.user.has_perm("models_hub.change_modelfile")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Put a file into the models folder instead."""
        del request
        return False


@admin.register(ModelFile)
class ModelFileAdmin(FoundByScan):
    """Every model that a scan took in."""

    list_display = (
        "name",
        "kind",
        "family",
        "variant",
        "source",
        "size",
        "enabled",
        "is_default",
        "for_whom",
        "missing_since",
    )
    list_filter = ("kind", "family", "variant", "source", "enabled", "groups", "missing_since")
    search_fields = ("name", "path", "sha256")
    search_help_text = "A name, a path, a hash"
    ordering = ("kind", "-is_default", "name")
    actions = ("enable_selected", "disable_selected", "make_default")
    fields = (
        "name", "description", "license", "trigger_words", "kind", "family", "variant", "format", "source",
        "path", "size", "native_size", "sha256", "groups", "enabled", "is_default", "missing_since",
        "created_at", "id",
    )  # fmt: skip
    readonly_fields = tuple(name for name in fields if name not in {"description", "license", "groups"})
    filter_horizontal = ("groups",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelFile]:
        """With the groups that the list shows."""
        found: QuerySet[ModelFile] = super().get_queryset(request)
        return found.prefetch_related("groups")

    @admin.display(description="For")
    def for_whom(self, model: ModelFile) -> str:
        """The groups that may use it."""
        return ", ".join(group.name for group in model.groups.all()) or "everybody"

    @admin.display(description="Size", ordering="size_bytes")
    def size(self, model: ModelFile) -> str:
        """For people."""
        return str(filesizeformat(model.size_bytes))

    @admin.action(description="Enable", permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[ModelFile]) -> None:
        """Let people use them."""
        self._set_enabled(request, queryset, enabled=True)

    @admin.action(description="Disable", permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[ModelFile]) -> None:
        """Let nobody use them."""
        self._set_enabled(request, queryset, enabled=False)

    @admin.action(description="Make default", permissions=["change"])
    def make_default(self, request: HttpRequest, queryset: QuerySet[ModelFile]) -> None:
        """One at a time."""
        if queryset.count() != 1:
            self.message_user(request, "Choose one model.", messages.ERROR)
            return
        try:
            model = services.model_set_default(model_id=queryset.get().pk)
        except PortalError as error:
            self.message_user(request, f"{error.message} {error.hint}", messages.ERROR)
        else:
            self.message_user(request, f"{model.name} is the default now.", messages.SUCCESS)

    def _set_enabled(self, request: HttpRequest, queryset: QuerySet[ModelFile], *, enabled: bool) -> None:
        for model in queryset:
            try:
                services.model_set_enabled(model_id=model.pk, enabled=enabled)
            except PortalError as error:
                self.message_user(request, f"{model.name}: {error.message} {error.hint}", messages.ERROR)
        self.message_user(request, "Done.", messages.SUCCESS)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only rows whose files are gone: the next scan would bring back any other."""
        gone = obj is None or obj.missing_since is not None
        return gone and bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without bulk deletion, which would not ask about each row."""
        found: dict[str, Any] = super().get_actions(request)
        found.pop("delete_selected", None)
        return found


@admin.register(ScanIssue)
class ScanIssueAdmin(FoundByScan):
    """What the last scan refused, and why."""

    list_display = ("path", "source", "code", "reason", "first_seen_at")
    list_filter = ("source", "code")
    search_fields = ("path", "reason")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """To be read; it goes when the file is put right."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The next scan would bring it back."""
        del request, obj
        return False
