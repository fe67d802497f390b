"""What people may do to one job, as a table: from which states, what becomes of the row, who hears of it."""

import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from generation import announcements
from generation.doorbell import after_commit, ring
from generation.models import ACTIVE_STATES, FINISHED_STATES, WAITING_STATES, Job, JobState
from generation.services.shares import share_refund
from sdweb.errors import PortalError

ANY: Final = Q()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One conditional UPDATE."""

    done: str
    """What has happened then, as the audit log says it: ``held``."""
    of: Collection[str]
    """The states that it leads out of."""
    changes: Callable[[], dict[str, Any]]
    only: Q = ANY
    """What else must be true of the row."""
    announce: Callable[..., None] = announcements.job_changed

    def make(self, job_id: uuid.UUID, *, origin: str = "") -> bool:
        """Change the row where it is in one of the states. Returns whether it was.

        ``origin`` is the channel of a socket that tells its client by itself.
        """
        changes = self.changes()
        with transaction.atomic():
            changed = Job.objects.filter(self.only, pk=job_id, state__in=self.of).update(**changes)
            if changed:
                if changes.get("state") == JobState.CANCELLED:
                    share_refund(job_id)
                after_commit(self.announce, job_id, origin=origin)
                after_commit(announcements.queue_moved)
                if changes.get("state") == JobState.QUEUED:
                    after_commit(ring)
        return bool(changed)

    def require(self, job: Job, *, origin: str = "") -> Job:
        """The same; the row is read again. Raises ``job_finished`` or ``wrong_state`` where it was not."""
        changed = self.make(job.pk, origin=origin)
        job.refresh_from_db()
        if not changed:
            raise refused(job)
        return job


def refused(job: Job) -> PortalError:
    """Why a transition did not happen: the job is in another state, perhaps since a moment ago."""
    code = "job_finished" if job.state in FINISHED_STATES else "wrong_state"
    state = str(job.get_state_display()).lower()
    first = " and goes first" if job.urgent_at and job.state in WAITING_STATES else ""
    return PortalError(code, f"This job is {state}{first} already.", status=409)


def cancelled() -> dict[str, Any]:
    """What becomes of a row that is cancelled."""
    return {
        "state": JobState.CANCELLED,
        "finished_at": timezone.now(),
        "lease_expires_at": None,
        "worker": "",
        "status": "",
    }


def _again() -> dict[str, Any]:
    return {
        "state": JobState.QUEUED,
        "turn": time.time(),  # behind what its owner has submitted meanwhile
        "urgent_at": None,
        "cleared_at": None,
        "finished_at": None,
        "error": None,
        "step": 0,
        "total_steps": 0,
        "lost_attempts": 0,
        "timings": {},
    }


CANCEL: Final = Transition(
    done="cancelled", of=ACTIVE_STATES, changes=cancelled, announce=announcements.job_cancelled
)
HOLD: Final = Transition(done="held", of=(JobState.QUEUED,), changes=lambda: {"state": JobState.HELD})
RELEASE: Final = Transition(done="released", of=(JobState.HELD,), changes=lambda: {"state": JobState.QUEUED})
EXPEDITE: Final = Transition(
    done="expedited",
    of=WAITING_STATES,
    only=Q(urgent_at=None),
    changes=lambda: {"urgent_at": timezone.now()},
)
UNEXPEDITE: Final = Transition(
    done="unexpedited",
    of=WAITING_STATES,
    only=Q(urgent_at__isnull=False),
    changes=lambda: {"urgent_at": None},
)
REQUEUE: Final = Transition(done="requeued", of=(JobState.FAILED, JobState.CANCELLED), changes=_again)
