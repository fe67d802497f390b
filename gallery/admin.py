"""Pictures in the admin: looked at, searched, put into the trash; their files and recipes are not to be
edited.
"""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from gallery import services
from gallery.links import signed_url
from gallery.models import Image


class TrashFilter(admin.SimpleListFilter):
    """In the gallery, or in the trash."""

    title = "trash"
    parameter_name = "trash"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The choices beside "All"."""
        del request, model_admin
        return [("no", "In the gallery"), ("yes", "In the trash")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Image]") -> "QuerySet[Image]":
        """Apply the choice."""
        del request
        if self.value() in {"yes", "no"}:
            return queryset.filter(deleted_at__isnull=self.value() == "no")
        return queryset


@admin.register(Image)
class ImageAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no type information
    """Everybody's pictures, for whoever answers for them."""

    list_display = (
        "thumbnail",
        "short_prompt",
        "owner",
        "task",
        "size",
        "model_name",
        "favourite",
        "created_at",
    )
    list_display_links = ("thumbnail", "short_prompt")
    list_filter = (TrashFilter, "task", "favourite", "created_at")
    list_select_related = ("owner",)
    list_per_page = 50
    show_full_result_count = False  # a COUNT over everybody's pictures is the slowest query of the page
    search_fields = ("prompt", "owner__username", "model_name")
    search_help_text = "Words of the prompt, a user name, a model"
    ordering = ("-id",)
    actions = ("trash_selected", "restore_selected")
    fields = (
        "picture", "id", "owner", "created_at", "deleted_at", "favourite", "task", "prompt",
        "negative_prompt", "seed", "size", "model_name", "model_hash", "job_id", "index", "bytes", "sha256",
        "recipe_text",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="Picture")
    def thumbnail(self, image: Image) -> SafeString:
        """A small one, by a signed link: the media view knows owners and links only."""
        return format_html(
            '<img src="{}" alt="" width="72" loading="lazy" style="border-radius:4px">',
            signed_url(image.id, "webp"),
        )

    @admin.display(description="Picture")
    def picture(self, image: Image) -> SafeString:
        """A large one, leading to the original."""
        return format_html(
            '<a href="{}"><img src="{}" alt="" style="max-width:512px;border-radius:8px"></a>',
            signed_url(image.id, "png"),
            signed_url(image.id, "webp"),
        )

    @admin.display(description="Prompt")
    def short_prompt(self, image: Image) -> str:
        """The beginning of it."""
        return image.prompt[:80] or "(empty)"

    @admin.display(description="Size")
    def size(self, image: Image) -> str:
        """Pixels."""
        return f"{image.width}x{image.height}"

    @admin.display(description="Recipe")
    def recipe_text(self, image: Image) -> SafeString:
        """The JSON that is inside the PNG."""
        text = json.dumps(image.recipe, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre style="white-space:pre-wrap">{}</pre>', text)

    @admin.action(description="Move to the trash", permissions=["change"])
    def trash_selected(self, request: HttpRequest, queryset: "QuerySet[Image]") -> None:
        """Whoever owns them."""
        moved = services.images_trash(images=queryset)
        self.message_user(request, f"{moved} pictures were moved to the trash.", messages.SUCCESS)

    @admin.action(description="Restore from the trash", permissions=["change"])
    def restore_selected(self, request: HttpRequest, queryset: "QuerySet[Image]") -> None:
        """Whoever owns them."""
        restored = services.images_restore(images=queryset)
        self.message_user(request, f"{restored} pictures were restored.", messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Pictures come from jobs."""
        del request
        return False
