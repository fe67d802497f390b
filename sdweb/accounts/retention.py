"""How long is kept what has to do with people: the audit log, sessions, tokens."""

from datetime import datetime, timedelta
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, QuerySet

from sdweb.accounts.models import ApiToken, AuditEntry
from sdweb.accounts.selectors import site_settings
from sdweb.retention import Rule, rows_delete

TOKEN_DAYS: Final = 30
"""Days that an expired token is still listed, so that its owner sees why a program stopped."""


def old_entries(now: datetime) -> QuerySet[AuditEntry]:
    """Of the audit log, as the site's settings say."""
    days = site_settings().audit_days
    if not days:
        return AuditEntry.objects.none()
    return AuditEntry.objects.filter(at__lt=now - timedelta(days=days))


def ended_sessions(now: datetime) -> QuerySet[Session]:
    """Those whose cookies let nobody in any more."""
    return Session.objects.filter(expire_date__lt=now)


def listed_in_vain(_now: datetime) -> QuerySet[Any]:
    """Entries in people's lists of sessions without a session."""
    alive = Session.objects.filter(session_key=OuterRef("session_key"))
    found: QuerySet[Any] = UserSession.objects.filter(~Exists(alive))
    return found


def ended_tokens(now: datetime) -> QuerySet[ApiToken]:
    """Expired ``TOKEN_DAYS`` ago."""
    return ApiToken.objects.filter(expires_at__lt=now - timedelta(days=TOKEN_DAYS))


RULES: Final = (
    Rule(
        "audit entries deleted",
        lambda now: old_entries(now).count(),
        lambda now: rows_delete(old_entries(now), oldest="at"),
    ),
    Rule(
        "ended sessions deleted",
        lambda now: ended_sessions(now).count(),
        lambda now: rows_delete(ended_sessions(now), oldest="expire_date"),
    ),
    Rule(
        "ended sessions taken off people's lists",
        lambda now: listed_in_vain(now).count(),
        lambda now: rows_delete(listed_in_vain(now), oldest="pk"),
    ),
    Rule(
        f"API tokens deleted that expired {TOKEN_DAYS} days ago",
        lambda now: ended_tokens(now).count(),
        lambda now: rows_delete(ended_tokens(now), oldest="expires_at"),
    ),
)
