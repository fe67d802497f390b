"""The WebSocket ``/ws/``: frames in, actions, events out (``docs/protocol.md``)."""

import asyncio
import importlib
import json
import logging
import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, cast
from urllib.parse import parse_qs

from channels.consumer import AsyncConsumer
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from pydantic import ValidationError

from gallery.selectors import images_of_job
from gallery.storage import gallery_storage
from generation import actions, events, overview, presence
from generation.models import FINISHED_STATES, Job
from generation.schemas import invalid_input
from generation.slots import NewestWins
from sdweb.accounts.models import User
from sdweb.accounts.origin import current_origin
from sdweb.accounts.tokens import token_is_alive
from sdweb.errors import PortalError
from sdweb.observability.context import log_context_add
from sdweb.observability.metrics import RATE_LIMITED, SOCKETS
from sdweb.ratelimit.clients import client_name
from sdweb.ratelimit.limiter import limiter
from sdweb.ratelimit.refusals import seconds_to_wait, too_many_requests
from sdweb.ratelimit.window import Verdict

logger = logging.getLogger(__name__)

CLOSE_NOT_SIGNED_IN: Final = 4401
CLOSE_TOO_SLOW: Final = 4408
CLOSE_TOO_MANY: Final = 4429
MAX_REFUSED: Final = 100
"""Messages refused one after another for being too many; who goes on after that does not listen."""
MAX_WAITING: Final = 500
"""Messages that may wait for a slow client; one that is slower gets a snapshot when it comes back."""
FOLLOW_SECONDS: Final = 10.0
"""How often a socket compares what it said with the database: an event lost on the way costs at most this
long.
"""
GRACE: Final = timedelta(seconds=3)
"""An event is not called lost before."""

MAX_ASIDES: Final = 4
"""Slow messages of one socket that are worked on at the same time."""

_SessionStore = importlib.import_module(settings.SESSION_ENGINE).SessionStore

Outgoing = tuple[events.WireMessage, bytes | None]


class PortalConsumer(AsyncConsumer):
    """One socket of one person. What goes out passes through one outbox, in order; of previews the newest
    wins.
    """

    connection: actions.Connection

    def __init__(self) -> None:
        self._outbox: NewestWins[Outgoing] = NewestWins()
        self._wake = asyncio.Event()
        self._open: set[uuid.UUID] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._asides: set[asyncio.Task[None]] = set()
        self._refused = 0
        self._binary_previews = self._image_links = self._queue_live = False
        self._said: dict[str, dict[str, Any]] = {}
        self._session_key = ""

    # --- What Channels calls --------------------------------------------------------------------------------

    async def websocket_connect(self, _message: dict[str, Any]) -> None:
        """Accept, join the person's group, tell what is going on: in this order nothing falls in between."""
        await self.send({"type": "websocket.accept", "subprotocol": self.scope.get("subprotocol")})
        user: object = self.scope.get("user")
        if not isinstance(user, User) or not user.is_active:
            refusal: object = self.scope.get("refusal")
            if not isinstance(refusal, PortalError):
                refusal = PortalError("not_signed_in", "Sign in first.", status=401)
            await self._send_json(events.error_message(refusal))
            await self.send({"type": "websocket.close", "code": CLOSE_NOT_SIGNED_IN})
            return
        verdict = await self._take()
        if verdict and not verdict.allowed:
            await self._send_json(_refusal(verdict))
            await self.send({"type": "websocket.close", "code": CLOSE_TOO_MANY})
            return
        query = parse_qs(self.scope.get("query_string", b"").decode("latin1"))
        self._binary_previews = query.get("previews") == ["binary"]
        self._image_links = query.get("images") == ["links"]
        self._queue_live = query.get("queue") == ["live"]
        self._session_key = getattr(self.scope.get("session"), "session_key", None) or ""
        token: Any = self.scope.get("api_token")
        # The scope's is a wrapper around the person, which would not forget what rights they had.
        person = await User.objects.aget(pk=user.pk)
        self.connection = actions.Connection(user=person, channel=self.channel_name, token=token)
        await self.channel_layer.group_add(events.user_group(user.pk), self.channel_name)
        if self._queue_live:
            await self.channel_layer.group_add(events.QUEUE_GROUP, self.channel_name)
        log_context_add(user_id=user.pk, request_id=current_origin.get().request_id)
        self._put(await database_sync_to_async(actions.snapshot)(user))
        for message in await database_sync_to_async(self._queue_now)():
            self._put_news(message)
        self._tasks = [asyncio.create_task(self._send_outbox()), asyncio.create_task(self._follow())]
        SOCKETS.inc()

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """One frame, its answers; whatever is wrong with it, one ``error`` and the connection stays."""
        if not self._tasks:
            return
        verdict = await self._take()
        refused = verdict is not None and not verdict.allowed
        self._refused = self._refused + 1 if refused else 0
        if self._refused > MAX_REFUSED:
            await self.send({"type": "websocket.close", "code": CLOSE_TOO_MANY})
            return
        try:
            incoming = _parse(message)
        except PortalError as error:
            self._put(events.error_message(error))
            return
        if verdict is not None and refused:
            self._put(_refusal(verdict, incoming))
            return
        if incoming.action not in actions.SLOW:
            await self._answer(incoming)
        elif len(self._asides) < MAX_ASIDES:
            aside = asyncio.create_task(self._answer(incoming))
            self._asides.add(aside)
            aside.add_done_callback(self._asides.discard)
        else:
            refusal = PortalError(
                "too_many_requests", "Your last questions are not answered yet.", hint="Wait a moment."
            )
            self._put(events.error_message(refusal, action=incoming.action, request_id=incoming.request_id))

    async def _take(self) -> Verdict | None:
        """Count a message. On a thread of its own: Redis may be slow, and the others share one."""
        name = client_name(cast("User", self.scope["user"]).pk, None)
        return await database_sync_to_async(limiter().take, thread_sensitive=False)(name)

    async def _answer(self, incoming: actions.Incoming) -> None:
        action, request_id = incoming.action, incoming.request_id
        # What is slow gets a thread of its own: all others share one.
        perform = database_sync_to_async(actions.perform, thread_sensitive=action not in actions.SLOW)
        if action == "watch_queue":  # before the list is read: nothing falls in between
            await self.channel_layer.group_add(events.WATCHERS_GROUP, self.channel_name)
        try:
            answers = await perform(self.connection, incoming)
        except PortalError as error:
            answers = [events.error_message(error, action=action)]
        except Exception:
            logger.exception("A message of user %s could not be handled.", self.connection.user.pk)
            failure = PortalError("internal_error", "Something went wrong on the server.", hint="Try again.")
            answers = [events.error_message(failure, action=action)]
        for answer in answers:
            if request_id is not None:
                cast("dict[str, Any]", answer)["request_id"] = request_id
            self._put(answer)
        if action == "unwatch_queue":
            await self.channel_layer.group_discard(events.WATCHERS_GROUP, self.channel_name)

    async def websocket_disconnect(self, _message: dict[str, Any]) -> None:
        """Leave nothing running."""
        for task in (*self._tasks, *self._asides):
            task.cancel()
        if self._tasks:
            SOCKETS.dec()
            own = events.user_group(self.connection.user.pk)
            with suppress(Exception):  # Redis may be gone, and then so are the groups
                for group in (own, events.QUEUE_GROUP, events.WATCHERS_GROUP):
                    await self.channel_layer.group_discard(group, self.channel_name)
        raise StopConsumer

    async def user_event(self, event: events.GroupEvent) -> None:
        """Something happened to this person's jobs."""
        if self._tasks and event["origin"] != self.channel_name:
            self._put(event["message"], event["preview"])

    async def queue_event(self, event: events.QueueEvent) -> None:
        """The queue stands otherwise."""
        if self._tasks and self._queue_live:
            self._put_news(event["message"])

    async def queue_jobs(self, event: events.QueueJobsEvent) -> None:
        """The front of the queue is another; what this person may not see of it stays here."""
        viewer = self.connection.viewer
        if self._tasks and viewer is not None:
            jobs = [viewer.sees(overview.entry_from(entry)) for entry in event["entries"]]
            self._put_news(events.queue_jobs_message(jobs, more=event["more"]))

    # --- Out ------------------------------------------------------------------------------------------------

    def _put(self, message: events.WireMessage, preview: bytes | None = None) -> None:
        key = ""
        if message["type"] == "progress":
            key = message["job_id"]
        elif message["type"] == "snapshot":
            self._open.update(uuid.UUID(job["id"]) for job in message["data"]["jobs"])
        elif message["type"] == "job":
            self._note_job(message["data"])
        self._outbox.put((message, preview), key=key)
        self._wake.set()

    def _put_news(self, message: events.QueueMessage | events.QueueJobsMessage) -> None:
        """What is like the last is not told again, and of what waits the newest wins."""
        kind = message["type"]
        if self._said.get(kind) != message["data"]:
            self._said[kind] = message["data"]
            self._outbox.put((message, None), key=kind)
            self._wake.set()

    def _note_job(self, job: dict[str, Any]) -> None:
        # Progress that still waits is older than this state.
        self._outbox.forget(job["id"])
        if job["state"] in FINISHED_STATES:
            self._open.discard(uuid.UUID(job["id"]))
        else:
            self._open.add(uuid.UUID(job["id"]))

    async def _send_outbox(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if len(self._outbox) > MAX_WAITING:
                await self.send({"type": "websocket.close", "code": CLOSE_TOO_SLOW})
                return
            while (outgoing := self._outbox.take()) is not None:
                await self._send_one(*outgoing)

    async def _send_one(self, message: events.WireMessage, preview: bytes | None) -> None:
        if message["type"] == "complete" and not self._image_links:
            images = await database_sync_to_async(_images_base64)(uuid.UUID(message["job_id"]))
            message = {**message, "data": {**message["data"], "images": images}}
        if message["type"] == "progress" and preview is not None:
            if self._binary_previews:
                data = message["data"]
                frame = events.binary_preview(
                    uuid.UUID(message["job_id"]), step=data["step"], total=data["total"], preview=preview
                )
                await self.send({"type": "websocket.send", "bytes": frame})
            else:
                message = {**message, "data": {**message["data"], "preview": events.encode_preview(preview)}}
        await self._send_json(message)

    async def _send_json(self, message: events.WireMessage) -> None:
        await self.send({"type": "websocket.send", "text": json.dumps(message, ensure_ascii=False)})

    # --- Keeping up -----------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        user = self.connection.user
        while True:
            try:
                await database_sync_to_async(presence.watcher_seen)(user.pk)
                await asyncio.sleep(FOLLOW_SECONDS)
                now = await database_sync_to_async(_still_signed_in)(self.connection, self._session_key)
                if now is None:
                    await self.send({"type": "websocket.close", "code": CLOSE_NOT_SIGNED_IN})
                    return
                self.connection.user = now
                for message in await database_sync_to_async(_missed)(user, set(self._open)):
                    self._put(message)
                for news in await database_sync_to_async(self._queue_now)():
                    self._put_news(news)
            except asyncio.CancelledError:
                raise
            except Exception:  # the database is away for a moment: look again later
                logger.warning("A socket could not compare itself with the database.", exc_info=True)

    def _queue_now(self) -> list[events.QueueMessage | events.QueueJobsMessage]:
        """What this socket asked to hear of the queue, with the rights that its person has now."""
        told: list[events.QueueMessage | events.QueueJobsMessage] = []
        if self._queue_live:
            told.append(events.queue_message(overview.queue_summary()))
        if self.connection.viewer is not None:
            self.connection.viewer = actions.viewer_of(self.connection)
            presence.queue_watcher_seen()
            told.append(actions.queue_jobs_now(self.connection.viewer))
        return told


def _refusal(verdict: Verdict, incoming: actions.Incoming | None = None) -> events.ErrorMessage:
    RATE_LIMITED.labels("socket").inc()
    error = too_many_requests(verdict.wait)
    action, request_id = (incoming.action, incoming.request_id) if incoming else ("", None)
    message = events.error_message(error, action=action, request_id=request_id)
    return {**message, "retry_after": seconds_to_wait(verdict.wait)}


def _parse(message: dict[str, Any]) -> actions.Incoming:
    text = message.get("text")
    if text is None:
        raise PortalError("invalid_frame", "Send text frames with JSON; this one was binary.")
    limit: int = settings.WEBSOCKET_MAX_FRAME_BYTES
    if len(text) > limit or len(text.encode("utf-8", "surrogatepass")) > limit:
        raise PortalError(
            "frame_too_large",
            f"This message is larger than {limit // 2**20} MiB.",
            hint="Send a smaller picture.",
            status=413,
        )
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise PortalError("invalid_json", "This message is not JSON.") from None
    if not isinstance(data, dict):
        raise PortalError("invalid_json", 'A message is a JSON object, such as {"action": "get_models"}.')
    try:
        return actions.Incoming.model_validate(data)
    except ValidationError as error:
        raise invalid_input(error) from None


def _images_base64(job_id: uuid.UUID) -> list[str]:
    found = []
    task = Job.objects.values_list("task", flat=True).get(pk=job_id)
    for image in images_of_job(job_id).filter(task=task):
        with gallery_storage().open(image.file_key) as file:
            found.append(events.encode_preview(file.read()))
    return found


def _still_signed_in(connection: actions.Connection, session_key: str) -> User | None:
    """The person as they are now, or None where their account is closed or the session has ended: signed out,
    revoked, expired, or made with another password.
    """
    user = User.objects.filter(pk=connection.user.pk, is_active=True).first()
    if connection.token is not None:
        return user if token_is_alive(connection.token.pk) else None
    if user is None:
        return None
    # Read only: Django's own look at a session would also renew it.
    session = _SessionStore(session_key).load()
    proof = str(session.get(HASH_SESSION_KEY, ""))
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    if str(session.get(SESSION_KEY)) != str(user.pk):
        return None
    return user if any(constant_time_compare(proof, one) for one in hashes) else None


def _missed(user: User, open_jobs: set[uuid.UUID]) -> list[events.WireMessage]:
    if not open_jobs:
        return []
    ended = Job.objects.filter(
        pk__in=open_jobs, owner=user, state__in=FINISHED_STATES, finished_at__lt=timezone.now() - GRACE
    )
    return [message for job in ended for message in actions.state_messages(job)]
