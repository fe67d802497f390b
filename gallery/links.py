"""Signed, expiring addresses of pictures."""

import time
import uuid
from typing import Final, Literal
from urllib.parse import urlencode

from django.core.signing import BadSignature, Signer

Extension = Literal["png", "webp"]

WINDOW_SECONDS: Final = 12 * 3600
"""Addresses stay the same for one window, so that browsers cache pictures; each lives between one window and
two.
"""

SALT: Final = "gallery.links"


def signed_url(image_id: uuid.UUID, extension: Extension, *, now: float | None = None) -> str:
    """A path that shows the picture to whoever holds it, until it expires. ``now``: seconds since 1970."""
    moment = time.time() if now is None else now
    expires = (int(moment) // WINDOW_SECONDS + 2) * WINDOW_SECONDS
    signature = _signer().signature(_message(image_id, extension, str(expires)))
    return f"/outputs/{image_id}.{extension}?{urlencode({'expires': expires, 'signature': signature})}"


def signature_is_valid(image_id: uuid.UUID, extension: Extension, *, expires: str, signature: str) -> bool:
    """Whether we made this signature for this file and it has not expired."""
    if not (expires.isascii() and expires.isdecimal() and len(expires) <= 12):
        return False
    if int(expires) <= time.time():
        return False
    try:
        # unsign, unlike comparing signatures, also accepts SECRET_KEY_FALLBACKS after the key was changed.
        _signer().unsign(f"{_message(image_id, extension, expires)}:{signature}")
    except BadSignature:
        return False
    return True


def _signer() -> Signer:
    return Signer(salt=SALT)


def _message(image_id: uuid.UUID, extension: str, expires: str) -> str:
    return f"{image_id}.{extension}@{expires}"
