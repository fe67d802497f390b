"""The queue as everybody may see it."""

import uuid
from datetime import datetime
from typing import Literal

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field, model_validator

from generation.schemas.jobs import ProgressOut


class QueueMineOut(Schema):
    """How many jobs of mine are unfinished."""

    waiting: int
    held: int
    running: int


class QueueOut(Schema):
    """How the queue stands."""

    paused: bool
    """Nothing new begins."""
    reason: str
    """Why, in the words of whoever paused it; may be empty."""
    since: datetime | None
    """When it was paused."""
    waiting: int
    held: int
    running: int
    workers: int
    """GPU workers that were heard of lately."""
    mine: QueueMineOut | None
    """Null in messages that everybody gets."""


class QueueJobOut(Schema):
    """Somebody's unfinished job. What I may not see of it is null."""

    id: uuid.UUID
    state: Literal["queued", "held", "running"]
    position: int | None
    """1 for the next one to start; null where it does not wait, or waits too far back to tell."""
    eta_seconds: float | None
    """Estimated seconds until it starts, or, while it runs, until it is done."""
    urgent: bool
    """Let past everybody else."""
    mine: bool
    owner: str | None
    """User name."""
    task: str | None
    prompt: str | None
    """Its first 200 characters."""
    pictures: int | None
    created_at: datetime | None
    progress: ProgressOut | None


class QueueJobPage(Schema):
    """One page, the next to start first."""

    items: list[QueueJobOut]
    next_cursor: str | None


class PauseIn(BaseModel):
    """Why the queue is paused."""

    model_config = ConfigDict(strict=True)

    reason: str = Field("", max_length=200, description="For everybody to read.")


class MoveIn(BaseModel):
    """A new place among one's own waiting jobs: one of the two fields."""

    model_config = ConfigDict(strict=True)

    to: Literal["first", "last", "up", "down"] | None = None
    before: uuid.UUID | None = Field(None, strict=False, description="The job that it shall come before.")

    @model_validator(mode="after")
    def _one_of_them(self) -> "MoveIn":
        if (self.to is None) == (self.before is None):
            raise ValueError("give either `to` or `before`")
        return self


class CountOut(Schema):
    """How many jobs it was."""

    count: int


class ManagedOut(Schema):
    """What became of somebody's job."""

    job_id: uuid.UUID
    state: str
    urgent: bool
