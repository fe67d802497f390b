"""What an action knows of the socket that its message came from, and how it reads and answers messages."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from generation import announcements, events
from generation.forecasting import Forecast
from generation.models import Job, JobState
from generation.overview import Viewer
from generation.presenters import jobs_out
from generation.schemas import invalid_input
from sdweb.accounts.models import ApiToken, User

M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True, kw_only=True)
class Connection:
    """What an action may know of the socket that it came from."""

    user: User
    """Read again every few seconds: rights may be given and taken away."""
    channel: str
    """The socket's name in the channel layer: it answers by itself, the group's copy is for the others."""
    token: ApiToken | None = None
    """What signed it in, if it was not a session."""
    submitted: set[uuid.UUID] = field(default_factory=set)
    """Jobs that this connection asked for."""
    viewer: Viewer | None = None
    """Whether everybody's jobs are told, and how much of them."""


Action = Callable[[Connection, dict[str, Any]], list[events.WireMessage]]


def parse(model: type[M], data: dict[str, Any]) -> M:
    """Raises ``invalid_input``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise invalid_input(error) from None


def state_messages(job: Job, *, forecast: Forecast | None = None) -> list[events.WireMessage]:
    """Everything a client needs to know of a job now: its state, and how it ended if it did; ``forecast``
    where the caller has one.
    """
    (out,) = jobs_out([job], forecast=forecast)
    answers: list[events.WireMessage] = [events.job_message(out)]
    if job.state == JobState.DONE:
        answers.append(events.complete_message(out))
    elif job.state == JobState.CANCELLED:
        answers.append(events.error_message(announcements.cancelled_error(), job_id=job.pk))
    elif job.state == JobState.FAILED and out.error:
        answers.append(events.error_message(announcements.failure(out.error), job_id=job.pk))
    return answers
