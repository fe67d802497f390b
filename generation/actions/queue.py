"""Actions on the queue: one's own jobs, and, with the right, everybody's and the queue itself."""

import uuid
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from generation import events, overview, presence, services
from generation.actions.connection import Action, Connection, parse, state_messages
from generation.models import Job
from generation.overview import Viewer
from generation.presenters import managed_out
from generation.schemas.queue import MoveIn, PauseIn
from generation.services import Transition
from sdweb.accounts import rights
from sdweb.accounts.models import ApiToken, User


class _OfJob(BaseModel):
    model_config = ConfigDict(strict=False)

    job_id: uuid.UUID


def hold_job(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """Keep a waiting job back."""
    return _change(connection, data, services.job_hold, services.HOLD)


def release_job(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """Let it wait again."""
    return _change(connection, data, services.job_release, services.RELEASE)


def expedite_job(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """Let a waiting job past everybody's."""
    return _change(connection, data, services.job_expedite, services.EXPEDITE)


def unexpedite_job(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """Take that back."""
    return _change(connection, data, services.job_unexpedite, services.UNEXPEDITE)


def _change(
    connection: Connection, data: dict[str, Any], own: Any, transition: Transition
) -> list[events.WireMessage]:
    user, job_id = connection.user, parse(_OfJob, data).job_id
    if _is_own(user, job_id):
        return state_messages(own(user=user, job_id=job_id, origin=connection.channel))
    return _of_others(services.queue_job_change(user=user, job_id=job_id, transition=transition))


def cancel_job(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """End a job by its id, one's own or, with the right, anybody's."""
    return _change(connection, data, services.job_cancel, services.CANCEL)


def move_job(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """Another place among its owner's waiting jobs."""
    user, job_id = connection.user, parse(_OfJob, data).job_id
    asked = parse(MoveIn, data)
    where = services.Destination(to=asked.to, before=asked.before)
    if _is_own(user, job_id):
        return state_messages(services.job_move(user=user, job_id=job_id, where=where))
    return _of_others(services.queue_job_move(user=user, job_id=job_id, where=where))


def retry_job(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """A failed or cancelled job once more; of somebody else's, the same job goes back into the queue."""
    user, job_id = connection.user, parse(_OfJob, data).job_id
    if not _is_own(user, job_id):
        return _of_others(services.queue_job_change(user=user, job_id=job_id, transition=services.REQUEUE))
    submitted = services.job_retry(user=user, job_id=job_id, origin=connection.channel)
    connection.submitted.add(submitted.job.pk)
    return state_messages(submitted.job, forecast=submitted.forecast)


def cancel_all(connection: Connection, _data: dict[str, Any]) -> list[events.WireMessage]:
    """End everything of the person that is not finished; each job is told as it changes."""
    return [events.count_message("cancelled_all", services.jobs_cancel_all(user=connection.user))]


def clear_finished(connection: Connection, _data: dict[str, Any]) -> list[events.WireMessage]:
    """Take what is finished off the person's list."""
    return [events.count_message("cleared_all", services.jobs_clear_finished(user=connection.user))]


def get_queue(connection: Connection, _data: dict[str, Any]) -> list[events.WireMessage]:
    """How the queue stands, with the person's own numbers."""
    return [events.queue_message(overview.queue_summary(connection.user))]


def watch_queue(connection: Connection, _data: dict[str, Any]) -> list[events.WireMessage]:
    """From now on everybody's jobs are told, here and whenever they change."""
    connection.viewer = viewer_of(connection)
    presence.queue_watcher_seen()
    return [queue_jobs_now(connection.viewer)]


def unwatch_queue(connection: Connection, _data: dict[str, Any]) -> list[events.WireMessage]:
    """Not any more."""
    connection.viewer = None
    return [events.queue_message(overview.queue_summary(connection.user))]


def viewer_of(connection: Connection) -> Viewer:
    """What the person at this socket may see now."""
    return Viewer.of(connection.user, scopes=connection.token.scopes if connection.token else None)


def queue_jobs_now(viewer: Viewer) -> events.QueueJobsMessage:
    """The front of the queue as this person may see it."""
    entries, cursor = overview.queue_page(cursor=None, limit=overview.WATCHED)
    return events.queue_jobs_message([viewer.sees(entry) for entry in entries], more=cursor is not None)


def pause_queue(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """Let nothing new begin."""
    user = connection.user
    rights.require(user, rights.MANAGE_QUEUE)
    services.queue_pause(user=user, reason=parse(PauseIn, data).reason)
    return get_queue(connection, data)


def resume_queue(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """Let jobs begin again."""
    services.queue_resume(user=connection.user)
    return get_queue(connection, data)


def _is_own(user: User, job_id: uuid.UUID) -> bool:
    """Whether the person's own services answer for the job: of a stranger's they say that it is not there."""
    if not user.has_perm(rights.MANAGE_QUEUE):
        return True
    return Job.objects.filter(pk=job_id, owner=user).exists()


def _of_others(job: Job) -> list[events.WireMessage]:
    """What whoever manages the queue hears: the list, in which the job is not theirs."""
    return [events.managed_message(managed_out(job))]


QUEUE_ACTIONS: Final[dict[str, Action]] = {
    "cancel_job": cancel_job,
    "hold_job": hold_job,
    "release_job": release_job,
    "move_job": move_job,
    "retry_job": retry_job,
    "expedite_job": expedite_job,
    "unexpedite_job": unexpedite_job,
    "cancel_all": cancel_all,
    "clear_finished": clear_finished,
    "get_queue": get_queue,
    "watch_queue": watch_queue,
    "unwatch_queue": unwatch_queue,
    "pause_queue": pause_queue,
    "resume_queue": resume_queue,
}
QUEUE_SCOPES: Final[dict[str, ApiToken.Scope]] = {
    "cancel_job": ApiToken.Scope.GENERATE,
    "hold_job": ApiToken.Scope.GENERATE,
    "release_job": ApiToken.Scope.GENERATE,
    "move_job": ApiToken.Scope.GENERATE,
    "retry_job": ApiToken.Scope.GENERATE,
    "expedite_job": ApiToken.Scope.GENERATE,
    "unexpedite_job": ApiToken.Scope.GENERATE,
    "cancel_all": ApiToken.Scope.GENERATE,
    "clear_finished": ApiToken.Scope.GENERATE,
    "get_queue": ApiToken.Scope.READ,
    "watch_queue": ApiToken.Scope.READ,
    "unwatch_queue": ApiToken.Scope.READ,
    "pause_queue": ApiToken.Scope.MANAGE,
    "resume_queue": ApiToken.Scope.MANAGE,
}
"""What an API token must be allowed; for other people's jobs ``MANAGE`` besides."""
