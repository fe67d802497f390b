"""What can be asked about jobs, and which styles a person may use."""

import uuid
from collections.abc import Collection

from django.db.models import Q, QuerySet

from generation import prompt_files
from generation.engine.prompts import Style
from generation.models import ACTIVE_STATES, FINISHED_STATES, Job, JobState, SavedStyle
from sdweb.accounts.models import User
from sdweb.errors import PortalError, not_found


def job_get(*, user: User, job_id: uuid.UUID) -> Job:
    """Raises ``not_found`` for what is not this person's."""
    found = Job.objects.filter(pk=job_id, owner=user).first()
    if found is None:
        raise not_found("This job")
    return found


def job_list(*, user: User, state: str | None = None) -> QuerySet[Job]:
    """A person's jobs, newest first, without those that they took off the list; ``state`` is ``active``,
    ``finished``, one state's name, or None for all.
    """
    jobs = Job.objects.filter(owner=user, cleared_at=None).order_by("-id")
    if not state:
        return jobs
    groups: dict[str, Collection[str]] = {"active": ACTIVE_STATES, "finished": FINISHED_STATES}
    wanted = groups.get(state, (state,) if state in JobState.values else None)
    if wanted is None:
        raise PortalError(
            "invalid_input",
            f"There is no state {state!r}.",
            fields={"state": "active, finished or a state"},
            status=422,
        )
    return jobs.filter(state__in=wanted)


def jobs_active(*, user: User) -> QuerySet[Job]:
    """What a person waits for, oldest first."""
    return Job.objects.filter(owner=user, state__in=ACTIVE_STATES).order_by("id")


def jobs_are_waiting() -> bool:
    """Whether a worker would find something to do."""
    return Job.objects.filter(state=JobState.QUEUED).exists()


# --- Styles ------------------------------------------------------------------------------------------------


def saved_styles(user: User) -> list[SavedStyle]:
    """Everybody's first, then this person's, by name."""
    if not user.is_active:
        return []
    found = SavedStyle.objects.filter(Q(owner=None) | Q(owner=user))
    return sorted(found, key=lambda style: (style.owner_id is not None, style.name.casefold()))


def styles_for(user: User) -> tuple[Style, ...]:
    """What this person may name, each name once: their own before everybody's, those before the file's.

    Raises ``EngineError`` for a file that is no CSV.
    """
    entered = [Style(one.name, one.prompt, one.negative_prompt) for one in saved_styles(user)]
    known = {style.name.casefold(): style for style in (*prompt_files.styles(), *entered)}
    return tuple(known.values())
