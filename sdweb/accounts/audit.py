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
    """Write down that ``actor`` (None: nobody, or the portal itself) did ``action``, and from where.

    ``action`` is ``what.happened``, such as ``queue.paused``; ``target`` is ``kind:id``; ``details`` is JSON
    and holds no secrets and no prompts.
    """
    origin = current_origin.get()
    said = dict(details or {})
    via = origin.via
    if via == AuditEntry.Via.TOKEN:
        said["token"] = origin.token_prefix
    elif via in {AuditEntry.Via.SESSION, AuditEntry.Via.ANONYMOUS}:
        # A cookie may be of a session that has ended, and who signs in has none yet.
        via = AuditEntry.Via.SESSION if actor else AuditEntry.Via.ANONYMOUS
    AuditEntry.objects.create(
        action=action,
        actor=actor if actor and actor.pk else None,
        actor_name=actor.username if actor else "",
        target=target[:100],
        target_name=target_name[:200],
        details=said,
        via=via,
        address=origin.address,
    )


def current_actor() -> User | None:
    """Who is signed in where this is called from, if anybody is; for what does not know who asked for it."""
    person = current_origin.get().who()
    return person if isinstance(person, User) else None
