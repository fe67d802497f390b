"""What is being worked on, for the log: the request, the person, the job."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, cast

from sdweb.ids import uuid7

if TYPE_CHECKING:  # the settings read this module, before Django is there
    from django.http import HttpRequest

SANE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")

current_request: ContextVar["HttpRequest | None"] = ContextVar("current_request", default=None)
_bound: ContextVar[Mapping[str, object]] = ContextVar("log_context", default={})  # noqa: B039 - never changed


def request_id_of(request: "HttpRequest") -> str:
    """The ``X-Request-ID`` that a proxy gave, if it is one, else a new one; the same each time."""
    known = getattr(request, "request_id", None)
    if known is None:
        given = request.headers.get("X-Request-ID", "")
        known = given if SANE_ID.fullmatch(given) else str(uuid7())
        request.request_id = known  # type: ignore[attr-defined] # Django's request has room for such
    return str(known)


@contextmanager
def log_context(**values: object) -> Iterator[None]:
    """Within the block, every line of this thread or task says these values."""
    token = _bound.set({**_bound.get(), **values})
    try:
        yield
    finally:
        _bound.reset(token)


def log_context_add(**values: object) -> None:
    """The same until the thread or task ends."""
    _bound.set({**_bound.get(), **values})


def log_values(spoken_of: object = None) -> dict[str, object]:
    """What a line written now should say beside its words; ``spoken_of`` is the request that it is about,
    where Django says so: it writes some of its lines when the request is over.
    """
    found = dict(_bound.get())
    about = spoken_of if hasattr(spoken_of, "META") else None
    request = cast("HttpRequest | None", about) or current_request.get()
    if request is not None:
        found.setdefault("request_id", request_id_of(request))
        if (person := _known_person(request)) is not None:
            found.setdefault("user_id", person)
    return found


def _known_person(request: "HttpRequest") -> int | None:
    """Only where somebody has asked already: a line of the log reads no database."""
    cached = getattr(request, "_cached_user", None) or request.__dict__.get("user")
    person = cached.__dict__.get("id") if hasattr(cached, "__dict__") else None
    return person if isinstance(person, int) else None
