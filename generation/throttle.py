"""Something that is wanted often and must not be done often."""

import logging
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import connections

logger = logging.getLogger(__name__)


class Throttle:
    """Runs an action at most once in ``QUEUE_NEWS_SECONDS``: at once if it is time, else as soon as it is.

    So whatever happened last is told, within that time, and a thousand changes in it are told once.
    """

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._lock = threading.Lock()
        self._last = float("-inf")
        self._waits = False

    def run(self) -> None:
        """Run the action now, or in a moment in a thread of its own."""
        with self._lock:
            if self._waits:
                return
            now = time.monotonic()
            wait = self._last + settings.QUEUE_NEWS_SECONDS - now
            if wait > 0:
                self._waits = True
                timer = threading.Timer(wait, self._later)
                timer.daemon = True
                timer.start()
                return
            self._last = now
        self._action()

    def _later(self) -> None:
        with self._lock:
            self._waits = False
            self._last = time.monotonic()
        try:
            self._action()
        except Exception:  # the database is away for a moment: the next change tells more
            logger.warning("The news of the queue could not be told.", exc_info=True)
        finally:
            connections.close_all()  # this thread's own
