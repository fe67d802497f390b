"""The audit log: one call where something is done, inside the transaction that does it."""

from collections.abc import Mapping
from typing import Any

from sdweb.accounts.models import AuditEntry, User
from sdweb.accounts.origin import current_origin


def record(
    action: str,
    *,
    actor: User | None,
    target: str = "",
    target_name: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down that ``actor`` (None: nobody, or the portal itself) did ``action``.

    ``action`` is ``what.happened``, such as ``queue.paused``; ``target`` is ``kind:id``; ``details`` is JSON
    and holds no secrets and no prompts.
    """
    origin = current_origin.get()
    AuditEntry.objects.create(
        action=action,
        actor=actor,
        actor_name=actor.username if actor else "",
        target=target[:100],
        target_name=target_name[:200],
        details=dict(details or {}),
        via=origin.via,
        address=origin.address,
    )
