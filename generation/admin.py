"""Jobs in the admin: read, cancel, requeue, hold and release; never edited by hand."""

import json
from typing import cast
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display

import generation.people_admin  # noqa: F401 - registers the page of a person
from generation import services
from generation.models import Job, JobState, SavedStyle
from sdweb.accounts import rights
from sdweb.accounts.models import User
from sdweb.errors import PortalError


@admin.register(SavedStyle)
class SavedStyleAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no type information
    """Styles for everybody; people's own are theirs, and not shown."""

    list_display = ("name", "prompt", "negative_prompt")
    search_fields = ("name", "prompt", "negative_prompt")
    fields = ("name", "prompt", "negative_prompt")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SavedStyle]:
        """Those without an owner."""
        found: QuerySet[SavedStyle] = super().get_queryset(request)
        return found.filter(owner=None)


@admin.register(Job)
class JobAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no type information
    """The queue and its history."""

    list_display = ("created_at", "owner", "shown_state", "prompt", "model", "progress", "attempt", "worker")
    list_filter = ("state", "task", "model", "created_at")
    search_fields = ("id", "owner__username", "params__prompt")
    list_select_related = ("owner", "model")
    ordering = ("-id",)
    actions = ("cancel_jobs", "requeue_jobs", "hold_jobs", "release_jobs", "expedite_jobs")
    exclude = ("params", "inputs")

    def get_readonly_fields(self, request: HttpRequest, obj: Job | None = None) -> list[str]:
        """Everything: what was asked for is a record, and the state changes only by actions."""
        del request, obj
        return [*(field.name for field in Job._meta.fields if field.name != "params"), "request_as_json"]

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """Whoever may see everybody's queue may look at it here."""
        return request.user.has_perm(rights.SEE_ALL_JOBS) or bool(super().has_view_permission(request, obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Jobs are submitted, not entered."""
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """A running job's row must not vanish under its worker."""
        del request, obj
        return False

    @display(  # type: ignore[untyped-decorator]
        description="State",
        ordering="state",
        label={
            JobState.QUEUED.label: "info",
            JobState.RUNNING.label: "warning",
            JobState.DONE.label: "success",
            JobState.FAILED.label: "danger",
        },
    )
    def shown_state(self, job: Job) -> str:
        """As a coloured label."""
        return str(job.get_state_display())

    @admin.display(description="Prompt")
    def prompt(self, job: Job) -> str:
        """Its beginning."""
        return str(job.params.get("prompt", ""))[:80]

    @admin.display(description="Step")
    def progress(self, job: Job) -> str:
        """How far it is."""
        return f"{job.step} / {job.total_steps}" if job.total_steps else ""

    @admin.display(description="Request")
    def request_as_json(self, job: Job) -> str:
        """The whole request, readable."""
        return format_html("<pre>{}</pre>", json.dumps(job.params, indent=2, ensure_ascii=False))

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered."""
        return request.user.has_perm(rights.MANAGE_QUEUE)

    @admin.action(description="Cancel", permissions=["manage"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Whatever is not finished."""
        self._each(request, queryset, services.CANCEL, "cancelled")

    @admin.action(description="Put back into the queue (failed and cancelled jobs)", permissions=["manage"])
    def requeue_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """A second chance."""
        self._each(request, queryset, services.REQUEUE, "put back into the queue")

    @admin.action(description="Hold (waiting jobs)", permissions=["manage"])
    def hold_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Kept back until released."""
        self._each(request, queryset, services.HOLD, "held")

    @admin.action(description="Release (held jobs)", permissions=["manage"])
    def release_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """They wait again."""
        self._each(request, queryset, services.RELEASE, "released")

    @admin.action(description="Let past everybody (waiting jobs)", permissions=["manage"])
    def expedite_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """In the order of the selection."""
        self._each(request, queryset, services.EXPEDITE, "let past everybody")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Job], transition: services.Transition, done: str
    ) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        changed = sum(self._change(request, job_id, transition) for job_id in ids)
        level = messages.SUCCESS if changed == len(ids) else messages.WARNING
        self.message_user(request, f"{changed} of {len(ids)} jobs {done}.", level)

    def _change(self, request: HttpRequest, job_id: UUID, transition: services.Transition) -> bool:
        try:
            services.queue_job_change(user=cast("User", request.user), job_id=job_id, transition=transition)
        except PortalError:
            return False  # it is in another state
        return True
