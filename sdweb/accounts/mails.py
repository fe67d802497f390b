"""Mails of an installation that has no mail server."""

import logging
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

logger = logging.getLogger(__name__)


class LogBackend(BaseEmailBackend):
    """Writes mails to the log, where the administrator of a small installation can read their links."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """How many mails were written down: all."""
        for mail in email_messages:
            logger.warning(
                "There is no mail server (SDWEB_EMAIL_URL). To %s: %s\n%s",
                ", ".join(mail.to),
                mail.subject,
                mail.body,
            )
        return len(email_messages)
