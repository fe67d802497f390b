"""The shapes of jobs on the wire, shared by HTTP and the WebSocket."""

from generation.schemas.fields import RANDOM_SEED, invalid_field, invalid_input
from generation.schemas.generate import CONTROL_PREFIX, PAINT_TASKS, PROCESS_TASKS, GenerateIn, generate_in
from generation.schemas.guidance import ControlIn, IpAdapterIn
from generation.schemas.jobs import ErrorOut, JobOut, JobPage, ModelUse, Params, ProgressOut, Template
from generation.schemas.pictures import HiresIn
from generation.schemas.postprocess import DetailIn

__all__ = [
    "CONTROL_PREFIX",
    "PAINT_TASKS",
    "PROCESS_TASKS",
    "RANDOM_SEED",
    "ControlIn",
    "DetailIn",
    "ErrorOut",
    "GenerateIn",
    "HiresIn",
    "IpAdapterIn",
    "JobOut",
    "JobPage",
    "ModelUse",
    "Params",
    "ProgressOut",
    "Template",
    "generate_in",
    "invalid_field",
    "invalid_input",
]
