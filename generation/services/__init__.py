"""Everything that changes jobs.

Each transition is one conditional UPDATE: one row, or somebody else was there first.
"""

from generation.services.charging import gpu_use_purge, job_charge
from generation.services.claims import Claim, job_claim, job_fail, job_finish, job_give_back, job_heartbeat
from generation.services.queueing import job_cancel, job_cancel_any, job_hold, job_release, job_requeue
from generation.services.recovery import requeue_lost_jobs, ring_for_waiting_jobs
from generation.services.submitting import Submitted, job_submit
from generation.services.workers import (
    worker_accepts,
    worker_drain,
    worker_leave,
    worker_report,
    worker_resume,
    workers_forget,
)

__all__ = [
    "Claim",
    "Submitted",
    "gpu_use_purge",
    "job_cancel",
    "job_cancel_any",
    "job_charge",
    "job_claim",
    "job_fail",
    "job_finish",
    "job_give_back",
    "job_heartbeat",
    "job_hold",
    "job_release",
    "job_requeue",
    "job_submit",
    "requeue_lost_jobs",
    "ring_for_waiting_jobs",
    "worker_accepts",
    "worker_drain",
    "worker_leave",
    "worker_report",
    "worker_resume",
    "workers_forget",
]
