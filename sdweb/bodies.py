"""Bodies that are too large are refused before they are read.

Twisted, on which daphne stands, takes a request's body to memory or to a temporary file before any
application hears of the request. So the bound is set here, where the body arrives: by ``Content-Length``
before the first byte, and by counting where no length was given.
"""

import json
from typing import Final

from daphne import http_protocol
from django.conf import settings

from sdweb.errors import PortalError

MULTIPART_BYTES: Final = 2**20
"""What boundaries and field names may add to an uploaded file."""


def largest_body() -> int:
    """Bytes. What is sent as JSON is bounded more tightly, by ``DATA_UPLOAD_MAX_MEMORY_SIZE``."""
    return max(int(settings.UPLOAD_MAX_BYTES), int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)) + MULTIPART_BYTES


class BoundedRequest(http_protocol.WebRequest):  # type: ignore[misc] # a class without types
    """daphne's request with a bound on its body. The methods are Twisted's hooks."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        """The headers are there; ``length`` is None for a body in chunks."""
        self._bound, self._arrived, self._refused = largest_body(), 0, False
        super().gotLength(0 if length is not None and length > self._bound else length)
        if length is not None and length > self._bound:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """A part of the body."""
        self._arrived += len(data)
        if not self._refused and self._arrived > self._bound:
            self.content.truncate(0)
            self._refuse()
        if not self._refused:
            super().handleContentChunk(data)
        elif self._arrived > 2 * self._bound:
            # Somebody who reads the answer has stopped by now.
            self.channel.forceAbortClient()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """All of it has arrived."""
        if self._refused:
            self.channel.loseConnection()
        else:
            super().requestReceived(command, path, version)

    def _refuse(self) -> None:
        """Answer at once. A connection closed now would hide the answer from a client that is still sending:
        what it sends is thrown away for a while.
        """
        self._refused = True
        megabytes = self._bound // 2**20
        error = PortalError("body_too_large", f"The body of a request may have {megabytes} MiB.", status=413)
        body = json.dumps(error.as_dict()).encode()
        head = (
            "HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.channel.transport.write(head.encode() + body)


def bound_bodies() -> None:
    """Let daphne use ``BoundedRequest`` from now on. It has no setting for that, only this name."""
    http_protocol.WebRequest = BoundedRequest
