"""The tables of the generation app."""

from generation.models.jobs import ACTIVE_STATES, FINISHED_STATES, WAITING_STATES, Job, JobState
from generation.models.shares import FairClock, Pace, Share
from generation.models.styles import SavedStyle
from generation.models.uploads import Upload
from generation.models.use import GpuUse
from generation.models.workers import QueueState, Worker

__all__ = [
    "ACTIVE_STATES",
    "FINISHED_STATES",
    "WAITING_STATES",
    "FairClock",
    "GpuUse",
    "Job",
    "JobState",
    "Pace",
    "QueueState",
    "SavedStyle",
    "Share",
    "Upload",
    "Worker",
]
