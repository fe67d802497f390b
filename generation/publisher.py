"""How events leave a process: at once from the web, through a background thread from the GPU worker.

The channel layer may be slow or gone at any moment. Nothing here ever raises because of that: who missed an
event gets the truth from the database when they connect or ask.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping
from typing import Any, Final

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from generation.slots import NewestWins

logger = logging.getLogger(__name__)

SEND_SECONDS: Final = 2.0
"""An event that cannot be sent within this time is dropped."""
MAX_PENDING: Final = 1000
"""Events that may wait for the background thread; beyond it the oldest is dropped."""

Message = Mapping[str, Any]


class BackgroundPublisher:
    """Sends events from a thread of its own, so that neither the engine nor a heartbeat ever waits for Redis.

    Events with a key replace the waiting one with the same key: of a job's progress only the newest is sent.
    """

    def __init__(self) -> None:
        self._pending: NewestWins[tuple[str, Message]] = NewestWins()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="event-publisher", daemon=True)
        self._thread.start()

    def offer(self, group: str, message: Message, *, key: str = "") -> None:
        """Hand an event over and return at once."""
        with self._lock:
            self._pending.put((group, message), key=key)
            if len(self._pending) > MAX_PENDING:
                self._pending.take()
        self._wake.set()

    def forget(self, key: str) -> None:
        """Drop a waiting event: the job's last word must not be followed by old progress."""
        with self._lock:
            self._pending.forget(key)

    def close(self, timeout: float = 2.0) -> None:
        """Send what is waiting, as far as ``timeout`` seconds allow, and end the thread."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        asyncio.run(self._send_all())

    async def _send_all(self) -> None:
        while True:
            # The thread has nothing else to do: blocking its loop here is waiting, and costs no polling.
            await asyncio.to_thread(self._wake.wait)
            self._wake.clear()
            while (event := self._take()) is not None:
                await send_or_drop(*event)
            if self._stopping:
                return

    def _take(self) -> tuple[str, Message] | None:
        with self._lock:
            return self._pending.take()


_background: BackgroundPublisher | None = None


def background_start() -> BackgroundPublisher:
    """From now on this process publishes in the background; called once, by the GPU worker."""
    global _background  # noqa: PLW0603 - a property of the process, like its log handlers
    _background = _background or BackgroundPublisher()
    return _background


def background_stop() -> None:
    """Send what waits and go back to publishing at once."""
    global _background  # noqa: PLW0603 - see above
    if _background is not None:
        _background.close()
    _background = None


def publish(group: str, message: Message, *, key: str = "") -> None:
    """Send to everybody in ``group``. Never raises; see ``BackgroundPublisher`` for ``key``. Not for async
    code.
    """
    if _background is not None:
        _background.offer(group, message, key=key)
    else:
        async_to_sync(send_or_drop)(group, message)


def publish_forget(key: str) -> None:
    """Drop an event that waits under ``key``."""
    if _background is not None:
        _background.forget(key)


async def send_or_drop(group: str, message: Message) -> None:
    """Send within ``SEND_SECONDS`` or log why not."""
    layer = get_channel_layer()
    assert layer is not None  # noqa: S101 - the settings always name one
    try:
        await asyncio.wait_for(layer.group_send(group, dict(message)), SEND_SECONDS)
    except Exception as error:  # Redis, the network, a closed loop: all the same here
        _outage.failed(error)
    else:
        _outage.over()


class _Outage:
    """Logs the beginning and the end of an outage instead of every event that is lost in it."""

    def __init__(self) -> None:
        self._dropped = 0

    def failed(self, error: Exception) -> None:
        self._dropped += 1
        if self._dropped == 1:
            logger.warning("Events are being dropped: %r", error)

    def over(self) -> None:
        if self._dropped:
            logger.warning("Events are being sent again; %d were dropped.", self._dropped)
            self._dropped = 0


_outage = _Outage()
