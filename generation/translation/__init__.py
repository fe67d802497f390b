"""Between the queue's words and the engine's: a job becomes a request, a result becomes pictures to store."""

from generation.translation.requests import request_for
from generation.translation.results import new_images

__all__ = ["new_images", "request_for"]
