"""Django's mail settings from one URL."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SMTP_PORT = 25
SMTPS_PORT = 465
SUBMISSION_PORT = 587
MAIL_SECONDS = 10
"""How long the mail server may be silent before a request goes on without it."""


def mail_config(url: str) -> dict[str, Any]:
    """Settings for ``smtp://user:password@host:587?tls=true`` or ``smtps://...`` (TLS from the first byte);
    without a URL mails are written to the log. Raises ``ValueError``.
    """
    if not url:
        return {"EMAIL_BACKEND": "sdweb.accounts.mails.LogBackend"}
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("it must look like smtp://user:password@host:587?tls=true or smtps://...")
    options = dict(parse_qsl(parts.query))
    start_tls = options.pop("tls", "false").lower()
    if options or start_tls not in {"true", "false"}:
        raise ValueError("after the ? there may only be tls=true or tls=false")
    implicit = parts.scheme == "smtps"
    usual = SMTPS_PORT if implicit else SUBMISSION_PORT if start_tls == "true" else SMTP_PORT
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or usual,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": implicit,
        "EMAIL_USE_TLS": start_tls == "true" and not implicit,
        "EMAIL_TIMEOUT": MAIL_SECONDS,
    }
