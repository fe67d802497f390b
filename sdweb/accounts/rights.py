"""Who may do what beyond their own things: Django's permissions, given to groups."""

from typing import Final

from sdweb.accounts.models import ApiToken, User
from sdweb.accounts.origin import current_origin
from sdweb.accounts.tokens import scope_require
from sdweb.errors import PortalError

SEE_ALL_JOBS: Final = "generation.view_all_jobs"
JUMP_QUEUE: Final = "generation.jump_queue"
MANAGE_QUEUE: Final = "generation.manage_queue"
SEE_WORKERS: Final = "generation.view_worker"
SEE_AUDIT: Final = "accounts.view_auditentry"
USE_ALL_MODELS: Final = "models_hub.use_all_models"
ALL: Final = (SEE_ALL_JOBS, JUMP_QUEUE, MANAGE_QUEUE, SEE_WORKERS, SEE_AUDIT, USE_ALL_MODELS)


def rights_of(user: User) -> list[str]:
    """Those of ``ALL`` that this person has, of themselves or by a group."""
    return [right for right in ALL if user.has_perm(right)]


def rights_forget(user: User) -> None:
    """Let the next question about this person's rights look at the database again: Django remembers them for
    the life of the object, which on a socket is that of the connection.
    """
    for remembered in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
        user.__dict__.pop(remembered, None)


def require(user: User, right: str) -> None:
    """Raises ``forbidden`` unless this person has the permission, of themselves or by a group, and
    ``scope_missing`` where they ask with an API token that does not go beyond their own things.
    """
    scopes = current_origin.get().scopes
    if scopes is not None:
        scope_require(scopes, ApiToken.Scope.MANAGE)
    if not user.has_perm(right):
        raise PortalError(
            "forbidden", "You may not do this.", hint="An administrator can give you the right.", status=403
        )
