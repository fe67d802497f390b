"""The built front end: which of its files browsers may keep, and which inline scripts its page may run."""

import base64
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wsgiref.headers import Headers

ONE_YEAR: Final = 365 * 24 * 3600
INLINE_SCRIPT: Final = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)


def add_cache_headers(headers: "Headers", _path: str, url: str) -> None:
    """Files under ``/assets/`` carry their hash in their name and never change; the others are asked for
    anew.
    """
    if url.startswith("/assets/"):
        headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
    elif not url.startswith("/static/"):
        headers["Cache-Control"] = "no-cache"


def inline_script_hashes(page: Path) -> tuple[str, ...]:
    """CSP sources for the inline scripts of ``page`` (the theme must be set before the first paint)."""
    if not page.is_file():
        return ()
    scripts = INLINE_SCRIPT.findall(page.read_text(encoding="utf-8"))
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return tuple(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
