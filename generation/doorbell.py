"""What happens after a change is committed: a worker hears the bell, and people hear the news."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from generation import tasks

logger = logging.getLogger(__name__)


def ring() -> None:
    """Tell a GPU worker that something waits. Never raises: workers also look by themselves."""
    try:
        # One that nobody heard in time is worth nothing: the next round rings again.
        tasks.serve_next.apply_async(expires=max(60.0, 4 * settings.RECOVERY_SECONDS))
    except (OperationalError, OSError) as error:
        logger.warning("The doorbell could not be rung, a worker will find the job by itself: %s", error)


def after_commit(action: Callable[..., object], *args: object, **kwargs: object) -> None:
    """Call ``action`` once the transaction is committed: at once outside of one, never if it is undone."""

    def act() -> None:
        action(*args, **kwargs)

    # Robust: the change stays, and whoever made it must not see an error because telling others failed.
    transaction.on_commit(act, robust=True)
