"""What the WebSocket's messages do: one function per action, each of them validate, one service, answer.
Synchronous.
"""

import uuid
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from gallery.api import image_out
from gallery.selectors import gallery_page
from generation import events, selectors, services
from generation.actions.connection import Action, Connection, parse, state_messages
from generation.actions.limits import LIMIT_ACTIONS, LIMIT_SCOPES
from generation.actions.queue import QUEUE_ACTIONS, QUEUE_SCOPES, queue_jobs_now, viewer_of
from generation.api.options import options_out
from generation.enhancing import EnhanceIn, prompt_enhance
from generation.models import ACTIVE_STATES, Job
from generation.presenters import jobs_out
from generation.schemas import GenerateIn, generate_in
from generation.schemas.shorthand import ADETAILER, FACE_RESTORATION, PREPROCESS, UPSCALE, Shorthand
from models_hub.api import model_out
from models_hub.selectors import model_list
from sdweb.accounts.models import ApiToken, User
from sdweb.accounts.rights import rights_forget
from sdweb.accounts.tokens import scope_require
from sdweb.errors import PortalError

__all__ = [
    "ACTIONS",
    "SLOW",
    "Connection",
    "Incoming",
    "perform",
    "queue_jobs_now",
    "snapshot",
    "state_messages",
    "viewer_of",
]

RequestId = str | int | None

PLANNED: Final = frozenset({"download_model"})
"""Actions of the protocol that this server does not have yet: refused by name."""


class Incoming(BaseModel):
    """The envelope of a client's message."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    action: str = Field(max_length=64)
    request_id: RequestId = Field(None, union_mode="left_to_right")


class _Keyed(BaseModel):
    model_config = ConfigDict(strict=True)

    idempotency_key: str = ""


class _Generate(_Keyed):
    params: dict[str, Any]


class _Cancel(BaseModel):
    model_config = ConfigDict(strict=False)

    job_id: uuid.UUID | None = None


class _Gallery(BaseModel):
    model_config = ConfigDict(strict=True)

    page: int = Field(0, ge=0, le=2**31)
    limit: int = Field(20, ge=1, le=100)


def perform(connection: Connection, message: Incoming) -> list[events.WireMessage]:
    """Do what the message says and return the answers to it. Raises ``PortalError``; then nothing was
    changed.
    """
    action = ACTIONS.get(message.action)
    if action is None:
        raise _unknown_action(message.action)
    rights_forget(connection.user)
    if connection.token is not None:
        scope_require(connection.token.scopes, ACTION_SCOPES.get(message.action, ApiToken.Scope.MANAGE))
    return action(connection, message.model_extra or {})


def generate(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """Submit a job."""
    asked = parse(_Generate, data)
    return _submit(connection, generate_in(asked.params), asked.idempotency_key)


def _submit(connection: Connection, request: GenerateIn, key: str) -> list[events.WireMessage]:
    submitted = services.job_submit(
        user=connection.user, request=request, idempotency_key=key, origin=connection.channel
    )
    connection.submitted.add(submitted.job.pk)
    return state_messages(submitted.job, forecast=submitted.forecast)


def _shorthand(what: Shorthand) -> Action:
    """An action whose message says, beside its name, what to do with a picture."""

    def submit(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
        key = parse(_Keyed, data).idempotency_key
        whole = what.read({name: value for name, value in data.items() if name not in _Keyed.model_fields})
        with what.own_words():
            return _submit(connection, whole, key)

    return submit


def cancel_generation(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """Cancel one job, or this connection's, or the person's newest."""
    asked = parse(_Cancel, data)
    ids = [asked.job_id] if asked.job_id else _cancellable(connection)
    answers: list[events.WireMessage] = []
    for job_id in ids:
        job = services.job_cancel(user=connection.user, job_id=job_id, origin=connection.channel)
        answers += state_messages(job)
    return answers


def get_models(connection: Connection, _data: dict[str, Any]) -> list[events.WireMessage]:
    """The models that may be used, and the samplers and schedules."""
    models = [model_out(model).model_dump(mode="json") for model in model_list(user=connection.user)]
    return [events.models_message(models, options_out(connection.user).model_dump(mode="json"))]


def get_gallery(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """One page of the gallery, counted from 0."""
    asked = parse(_Gallery, data)
    found = gallery_page(user=connection.user, page=asked.page, limit=asked.limit)
    images = [image_out(image).model_dump(mode="json") for image in found.images]
    return [
        events.gallery_message(
            images, page=found.page, limit=found.limit, total=found.total, has_next=found.has_next
        )
    ]


def enhance_prompt(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """The prompt with what it does not say yet."""
    found = prompt_enhance(parse(EnhanceIn, data), user=connection.user)
    return [{"type": "enhanced_prompt", "data": found.model_dump()}]


SLOW: Final = frozenset({"enhance_prompt"})
"""Actions that may wait for somebody else; others, also of the same socket, must not wait with them."""
ACTIONS: Final[dict[str, Action]] = {
    "generate": generate,
    "upscale_image": _shorthand(UPSCALE),
    "face_restoration": _shorthand(FACE_RESTORATION),
    "adetailer": _shorthand(ADETAILER),
    "preprocess": _shorthand(PREPROCESS),
    "cancel_generation": cancel_generation,
    "get_models": get_models,
    "get_gallery": get_gallery,
    "enhance_prompt": enhance_prompt,
    **LIMIT_ACTIONS,
    **QUEUE_ACTIONS,
}
ACTION_SCOPES: Final[dict[str, ApiToken.Scope]] = {
    "generate": ApiToken.Scope.GENERATE,
    "upscale_image": ApiToken.Scope.GENERATE,
    "face_restoration": ApiToken.Scope.GENERATE,
    "adetailer": ApiToken.Scope.GENERATE,
    "preprocess": ApiToken.Scope.GENERATE,
    "cancel_generation": ApiToken.Scope.GENERATE,
    "get_models": ApiToken.Scope.READ,
    "get_gallery": ApiToken.Scope.READ,
    "enhance_prompt": ApiToken.Scope.GENERATE,
    **LIMIT_SCOPES,
    **QUEUE_SCOPES,
}
"""What an API token must be allowed for an action; a test asks for every action to be here."""


def _cancellable(connection: Connection) -> list[uuid.UUID]:
    active = Job.objects.filter(owner=connection.user, state__in=ACTIVE_STATES).order_by("id")
    own = list(active.filter(pk__in=connection.submitted).values_list("pk", flat=True))
    found = own or list(active.order_by("-id").values_list("pk", flat=True)[:1])
    if not found:
        raise PortalError("nothing_to_cancel", "No generation of yours is waiting or running.", status=409)
    return found


def _unknown_action(name: str) -> PortalError:
    if name in PLANNED:
        return PortalError(
            "unsupported_action", f"This server cannot do {name} yet.", fields={"action": name}
        )
    return PortalError(
        "unknown_action",
        f"There is no action {name[:64]!r}.",
        hint=f"There are: {', '.join(ACTIONS)}.",
        fields={"action": "unknown"},
    )


def snapshot(user: User) -> events.SnapshotMessage:
    """What the person waits for."""
    return events.snapshot_message(jobs_out(selectors.jobs_active(user=user)))
