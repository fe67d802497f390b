"""What is done in Django's admin."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from sdweb.accounts.audit import record
from sdweb.accounts.models import User

WORDS: Final = {ADDITION: "admin.added", DELETION: "admin.deleted"}
GetResponse = Callable[[HttpRequest], HttpResponse] | Callable[[HttpRequest], Awaitable[HttpResponse]]


@receiver(post_save, sender=LogEntry)
def written(instance: LogEntry, **_: Any) -> None:
    """The admin writes a log of its own, with less in it: everything added, changed, and deleted alone."""
    kind = instance.content_type
    record(
        WORDS.get(instance.action_flag, "admin.changed"),
        actor=instance.user,
        target=f"{kind.app_label}.{kind.model}:{instance.object_id}" if kind else "",
        target_name=instance.object_repr,
        details={"message": instance.get_change_message()[:1000]} if instance.change_message else None,
    )


class AdminActionsMiddleware:
    """Writes down every action that is called for selected rows of an admin list, deleting them included: the
    admin's own log says nothing of it, or in a way that sends no signal.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        """Before the action: one that fails half-way was called all the same."""
        match = request.resolver_match
        if match is None or match.app_name != "admin" or request.method != "POST":
            return
        name = str(request.POST.get("action", ""))
        person = request.user
        if name == "delete_selected" and "post" not in request.POST:
            return  # it only asks whether that is meant
        if not name or not isinstance(person, User) or not person.is_staff:
            return
        chosen = [str(one)[:64] for one in request.POST.getlist("_selected_action")]
        record(
            "admin.action",
            actor=person,
            target=f"admin:{(match.url_name or '').removesuffix('_changelist')}",
            target_name=name[:200],
            details={"selected": chosen[:100], "count": len(chosen)},
        )
