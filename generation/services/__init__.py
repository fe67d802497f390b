"""Everything that changes jobs.

Each transition is one conditional UPDATE: one row, or somebody else was there first.
"""

from generation.services.charging import gpu_use_purge, job_charge
from generation.services.claims import Claim, job_claim, job_fail, job_finish, job_give_back, job_heartbeat
from generation.services.managing import queue_job_change, queue_job_move, queue_pause, queue_resume
from generation.services.queueing import (
    job_cancel,
    job_expedite,
    job_hold,
    job_move,
    job_release,
    job_unexpedite,
    jobs_cancel_all,
    jobs_clear_finished,
)
from generation.services.recovery import requeue_lost_jobs, ring_for_waiting_jobs
from generation.services.reordering import Destination
from generation.services.retrying import job_retry
from generation.services.submitting import Submitted, job_submit
from generation.services.transitions import CANCEL, EXPEDITE, HOLD, RELEASE, REQUEUE, UNEXPEDITE, Transition
from generation.services.workers import (
    worker_accepts,
    worker_drain,
    worker_leave,
    worker_report,
    worker_resume,
    workers_forget,
)

__all__ = [
    "CANCEL",
    "EXPEDITE",
    "HOLD",
    "RELEASE",
    "REQUEUE",
    "UNEXPEDITE",
    "Claim",
    "Destination",
    "Submitted",
    "Transition",
    "gpu_use_purge",
    "job_cancel",
    "job_charge",
    "job_claim",
    "job_expedite",
    "job_fail",
    "job_finish",
    "job_give_back",
    "job_heartbeat",
    "job_hold",
    "job_move",
    "job_release",
    "job_retry",
    "job_submit",
    "job_unexpedite",
    "jobs_cancel_all",
    "jobs_clear_finished",
    "queue_job_change",
    "queue_job_move",
    "queue_pause",
    "queue_resume",
    "requeue_lost_jobs",
    "ring_for_waiting_jobs",
    "worker_accepts",
    "worker_drain",
    "worker_leave",
    "worker_report",
    "worker_resume",
    "workers_forget",
]
