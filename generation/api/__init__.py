"""HTTP for jobs and prompts: validate, call one service, shape the answer."""

from generation.api.jobs import router as jobs_router
from generation.api.limits import router as limits_router
from generation.api.options import router as options_router
from generation.api.prompts import router as prompts_router
from generation.api.queue import router as queue_router
from generation.api.recipes import router as recipes_router
from generation.api.styles import router as styles_router
from generation.api.uploads import router as uploads_router
from generation.api.workers import router as workers_router

__all__ = [
    "jobs_router",
    "limits_router",
    "options_router",
    "prompts_router",
    "queue_router",
    "recipes_router",
    "styles_router",
    "uploads_router",
    "workers_router",
]
