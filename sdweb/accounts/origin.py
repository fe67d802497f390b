"""Where the request that is being served comes from, for logs, the audit log and limits."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from sdweb.accounts.models import AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One request's, or one socket's."""

    address: str | None = None
    """The client's IP address, see ``client_address``."""
    via: str = AuditEntry.Via.SYSTEM
    token_prefix: str = ""
    request_id: str = ""


NOWHERE: Final = Origin()
current_origin: ContextVar[Origin] = ContextVar("current_origin", default=NOWHERE)
"""Set by the middleware and by the socket; background work has none."""
