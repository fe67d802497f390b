"""The two forms of the log: a line for people, JSON for machines. Neither has secrets in it."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Final

from sdweb.observability.context import log_values

SECRETS: Final = re.compile(
    r"(?P<token>sdw_[A-Za-z0-9]+_)[A-Za-z0-9]+"
    r"|(?P<bearer>[Bb]earer\s+)[^\s\"',]+"
    r"|(?P<url>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)"
    r"|(?P<field>(?:password|secret|signature|csrfmiddlewaretoken|sessionid|csrftoken)[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s\"'&;,}]+"
)
"""What gives somebody power, as it looks in a line: the part before it is kept."""


def redacted(text: str) -> str:
    """The text with secrets replaced by three stars."""
    return SECRETS.sub(lambda found: f"{next(part for part in found.groups() if part is not None)}***", text)


class LineFormatter(logging.Formatter):
    """``time LEVEL logger: message [key=value ...]``; a traceback follows."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        record.context = "".join(f" {name}={value}" for name, value in _values(record).items())
        return redacted(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, what is being worked on, and
    ``exception`` where there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **_values(record),
        }
        if record.exc_info:
            entry["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False, default=str)


def _values(record: logging.LogRecord) -> dict[str, object]:
    return log_values(getattr(record, "request", None))


def log_config(form: str, level: str) -> dict[str, Any]:
    """For Django's ``LOGGING``. To standard error; the supervisor adds the process's name to lines."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": "sdweb.observability.logs.LineFormatter",
                "format": "{asctime} {levelname} {name}: {message}{context}",
                "style": "{",
            },
            "json": {"()": "sdweb.observability.logs.JsonFormatter"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "daphne.http_protocol": {"level": "WARNING"},
            "django.channels.server": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            # A line for every doorbell that came too late to matter.
            "celery.worker.request": {"level": "WARNING"},
        },
    }
