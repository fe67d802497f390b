"""Everything that the WebSocket says: one type and one builder per message (``docs/protocol.md``)."""

import base64
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NotRequired, TypedDict

from generation import publisher
from generation.schemas import JobOut
from generation.schemas.queue import ManagedOut, QueueJobOut, QueueOut
from sdweb.errors import PortalError

GROUP_HANDLER: Final = "user.event"
"""The consumer's method for what arrives through the channel layer, in Channels' spelling."""
QUEUE_GROUP: Final = "queue"
"""Sockets that asked how the queue stands."""
WATCHERS_GROUP: Final = "queue.watchers"
"""Sockets that asked for everybody's jobs."""


class SnapshotMessage(TypedDict):
    """Everything unfinished, on connecting."""

    type: Literal["snapshot"]
    data: dict[str, Any]


class JobMessage(TypedDict):
    """A job changed its state or its place."""

    type: Literal["job"]
    data: dict[str, Any]
    request_id: NotRequired[str | int]


class ProgressMessage(TypedDict):
    """How far a running job is."""

    type: Literal["progress"]
    job_id: str
    data: dict[str, Any]


class CompleteMessage(TypedDict):
    """A job's pictures are stored."""

    type: Literal["complete"]
    job_id: str
    data: dict[str, Any]


class ErrorMessage(TypedDict):
    """A message was refused, or a job failed or was cancelled."""

    type: Literal["error"]
    message: str
    code: str
    hint: str
    fields: dict[str, str]
    job_id: NotRequired[str]
    action: NotRequired[str]
    request_id: NotRequired[str | int]
    retry_after: NotRequired[int]


class ModelsMessage(TypedDict):
    """The answer to ``get_models``."""

    type: Literal["models"]
    data: dict[str, Any]


class GalleryMessage(TypedDict):
    """The answer to ``get_gallery``."""

    type: Literal["gallery"]
    data: dict[str, Any]


class EnhancedPromptMessage(TypedDict):
    """The answer to ``enhance_prompt``."""

    type: Literal["enhanced_prompt"]
    data: dict[str, Any]


class LimitsMessage(TypedDict):
    """The answer to ``get_limits``."""

    type: Literal["limits"]
    data: dict[str, Any]


class QuoteMessage(TypedDict):
    """The answer to ``quote``."""

    type: Literal["quote"]
    data: dict[str, Any]


class OrderMessage(TypedDict):
    """Some of the person's waiting jobs changed places among themselves."""

    type: Literal["order"]
    data: dict[str, Any]


class ClearedMessage(TypedDict):
    """Finished jobs went off the person's list."""

    type: Literal["cleared"]
    data: dict[str, Any]


class CountMessage(TypedDict):
    """The answer to what is done to many jobs at once."""

    type: Literal["cancelled_all", "cleared_all"]
    data: dict[str, Any]


class ManagedMessage(TypedDict):
    """The answer to what was done to somebody else's job."""

    type: Literal["managed"]
    data: dict[str, Any]


class QueueMessage(TypedDict):
    """How the queue stands."""

    type: Literal["queue"]
    data: dict[str, Any]


class QueueJobsMessage(TypedDict):
    """The front of everybody's queue, for who watches it."""

    type: Literal["queue_jobs"]
    data: dict[str, Any]


WireMessage = (
    SnapshotMessage
    | JobMessage
    | ProgressMessage
    | CompleteMessage
    | ErrorMessage
    | ModelsMessage
    | GalleryMessage
    | EnhancedPromptMessage
    | LimitsMessage
    | QuoteMessage
    | OrderMessage
    | ClearedMessage
    | CountMessage
    | ManagedMessage
    | QueueMessage
    | QueueJobsMessage
)


class GroupEvent(TypedDict):
    """The envelope that travels through the channel layer to a person's sockets."""

    type: str
    message: WireMessage
    preview: bytes | None
    """A JPEG; each socket turns it into what its client asked for."""
    origin: str
    """The channel of the socket that has answered its client itself, or empty."""


class QueueEvent(TypedDict):
    """The envelope of what everybody hears of the queue."""

    type: str
    message: QueueMessage


class QueueJobsEvent(TypedDict):
    """The front of the queue, whole: each socket takes out what its person may not see."""

    type: str
    entries: list[dict[str, Any]]
    """Of ``{owner_id, job}``."""
    more: bool


def user_group(user_id: int) -> str:
    """The group of all sockets of one person."""
    return f"user.{user_id}"


def progress_key(job_id: uuid.UUID) -> str:
    """The slot in which a newer progress replaces an older one."""
    return f"progress.{job_id}"


def snapshot_message(jobs: Sequence[JobOut]) -> SnapshotMessage:
    """``jobs``: the unfinished ones, oldest first."""
    return {"type": "snapshot", "data": {"jobs": [job.model_dump(mode="json") for job in jobs]}}


def job_message(job: JobOut) -> JobMessage:
    """The job as it is now."""
    return {"type": "job", "data": job.model_dump(mode="json")}


def progress_message(
    job_id: uuid.UUID, *, step: int, total: int, status: str, eta_seconds: float | None
) -> ProgressMessage:
    """``step`` of ``total`` denoiser calls; the preview is added by each socket."""
    data = {"step": step, "total": total, "status": status, "job_id": str(job_id), "eta_seconds": eta_seconds}
    return {"type": "progress", "job_id": str(job_id), "data": data}


def complete_message(job: JobOut) -> CompleteMessage:
    """The finished job; ``images`` (base64) is filled in by sockets whose client wants it."""
    items = [image.model_dump(mode="json") for image in job.images]
    data = {
        "images": [],
        "metadata": job.params.model_dump(mode="json"),
        "paths": [f"/outputs/{image.id}.png" for image in job.images],
        "gdrive_ids": [],
        "job_id": str(job.id),
        "items": items,
        "control_maps": [image.model_dump(mode="json") for image in job.control_maps],
    }
    return {"type": "complete", "job_id": str(job.id), "data": data}


def error_message(
    error: PortalError,
    *,
    job_id: uuid.UUID | None = None,
    action: str = "",
    request_id: str | int | None = None,
) -> ErrorMessage:
    """A refusal or a job's end without pictures."""
    message: ErrorMessage = {
        "type": "error",
        "message": error.message,
        "code": error.code,
        "hint": error.hint,
        "fields": error.fields,
    }
    if job_id is not None:
        message["job_id"] = str(job_id)
    if action:
        message["action"] = action
    if request_id is not None:
        message["request_id"] = request_id
    return message


def models_message(models: Sequence[dict[str, Any]], options: dict[str, Any]) -> ModelsMessage:
    """``options``: what ``GET /options`` answers."""
    data = {
        "models": list(models),
        "samplers": options["samplers"],
        "schedulers": options["schedules"],
        "options": options,
    }
    return {"type": "models", "data": data}


def gallery_message(
    images: Sequence[dict[str, Any]], *, page: int, limit: int, total: int, has_next: bool
) -> GalleryMessage:
    """One numbered page, counted from 0."""
    data = {"images": list(images), "page": page, "limit": limit, "total": total, "has_next": has_next}
    return {"type": "gallery", "data": data}


def order_message(turns: Mapping[uuid.UUID, float]) -> OrderMessage:
    """``turns``: the new ones of the jobs that moved."""
    return {"type": "order", "data": {"turns": {str(job_id): turn for job_id, turn in turns.items()}}}


def cleared_message(job_ids: Sequence[uuid.UUID]) -> ClearedMessage:
    """``job_ids``: those that a browser may show."""
    return {"type": "cleared", "data": {"job_ids": [str(job_id) for job_id in job_ids]}}


def count_message(kind: Literal["cancelled_all", "cleared_all"], count: int) -> CountMessage:
    """``count``: how many jobs it was."""
    return {"type": kind, "data": {"count": count}}


def managed_message(managed: ManagedOut) -> ManagedMessage:
    """What became of somebody's job."""
    return {"type": "managed", "data": managed.model_dump(mode="json")}


def queue_message(queue: QueueOut) -> QueueMessage:
    """The queue's numbers."""
    return {"type": "queue", "data": queue.model_dump(mode="json")}


def queue_jobs_message(jobs: Sequence[QueueJobOut], *, more: bool) -> QueueJobsMessage:
    """``more``: whether there are others behind these."""
    return {
        "type": "queue_jobs",
        "data": {"items": [job.model_dump(mode="json") for job in jobs], "more": more},
    }


def send_to_queue(message: QueueMessage) -> None:
    """Tell everybody who asked how the queue stands. Never raises."""
    event: QueueEvent = {"type": "queue.event", "message": message}
    publisher.publish(QUEUE_GROUP, event, key="queue")


def send_to_watchers(entries: list[dict[str, Any]], *, more: bool) -> None:
    """Tell everybody who watches the front of the queue. Never raises."""
    event: QueueJobsEvent = {"type": "queue.jobs", "entries": entries, "more": more}
    publisher.publish(WATCHERS_GROUP, event, key="queue.jobs")


def send_to_user(
    user_id: int, message: WireMessage, *, preview: bytes | None = None, origin: str = "", key: str = ""
) -> None:
    """Send to every socket of a person, except the one named ``origin``. Never raises."""
    event: GroupEvent = {"type": GROUP_HANDLER, "message": message, "preview": preview, "origin": origin}
    publisher.publish(user_group(user_id), event, key=key)


def encode_preview(preview: bytes) -> str:
    """Base64, as the predecessor's clients expect pictures."""
    return base64.b64encode(preview).decode("ascii")


def binary_preview(job_id: uuid.UUID, *, step: int, total: int, preview: bytes) -> bytes:
    """A binary frame: 16 bytes job id, step and total as big-endian uint16, then the JPEG."""
    return job_id.bytes + step.to_bytes(2, "big") + total.to_bytes(2, "big") + preview
