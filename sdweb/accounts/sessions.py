"""Sessions: which there are, when they were last used, and their end."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from allauth.core import context
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse

from sdweb.accounts.audit import record
from sdweb.accounts.models import User

SEEN_SECONDS: Final = 60.0
"""``last_seen_at`` is right to a minute: a request that only reads shall not write every time."""
REMEMBERED: Final = 10_000
"""Sessions whose last note this process remembers."""


class SessionsAdapter(DefaultUserSessionsAdapter):  # type: ignore[misc] # allauth has no type information
    """Writes down who ended which session."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """End them: the next request with their cookies is nobody's."""
        who = context.request.user if context.request else None
        for session in sessions:
            record(
                "session.revoked",
                actor=who if isinstance(who, User) else None,
                target=f"session:{session.pk}",
                target_name=session.user_agent,
                details={"address": session.ip},
            )
            session.end()


def sessions_end_all(*, user: User) -> int:
    """Sign somebody out everywhere, at once; how many sessions that were."""
    sessions = list(UserSession.objects.filter(user=user))
    for session in sessions:
        session.end()
    return len(sessions)


def on_user_saved(instance: User, **_kwargs: Any) -> None:
    """Whoever is closed out stays out: their sessions shall not come alive again with the account."""
    if not instance.is_active:
        sessions_end_all(user=instance)


class SessionActivityMiddleware:
    """Notes from where and when a session was last used, once a minute."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.noted: dict[str, float] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Note, then serve."""
        key = request.session.session_key
        if key and request.user.is_authenticated and self._is_due(key):
            UserSession.objects.create_from_request(request)
        return self.get_response(request)

    def _is_due(self, key: str) -> bool:
        now = time.monotonic()
        if now - self.noted.get(key, -SEEN_SECONDS) < SEEN_SECONDS:
            return False
        if len(self.noted) >= REMEMBERED:
            self.noted.clear()
        self.noted[key] = now
        return True
