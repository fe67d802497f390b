"""How much a prompt may ask for, and the one error that says it asked for more."""

from typing import Final

from generation.engine.errors import EngineError

MAX_NESTING: Final = 64
"""Brackets of every kind that are open at once."""
MAX_WEIGHT: Final = 1000.0
"""Largest size of a weight, whether written or the product of nested brackets."""
MAX_PARTS: Final = 16
"""Parts between ``AND``: each is one more denoiser call per step."""
MAX_NETWORKS: Final = 64
"""``<lora:…>`` and the like in one prompt."""
MAX_TEXTS: Final = 64
"""Different texts that the schedules of one prompt come to; each is encoded."""
MAX_CHUNKS: Final = 512
"""Chunks of 75 tokens that a prompt and its negative prompt come to over all steps, all texts filled up to
the longest; each is kept in memory, and all but the filling are text encoder calls.
"""
MAX_EXPANSION_WORK: Final = 500_000
"""Steps of work, about a microsecond each at most, to draw the wildcards and choices of one prompt."""


def prompt_error(field: str, message: str, *, hint: str = "") -> EngineError:
    """The error of a prompt that cannot be used; ``field`` is the request's field it stands in."""
    return EngineError("invalid_request", message, hint=hint, field=field)


def nested_too_deeply(field: str) -> EngineError:
    """For brackets of any kind."""
    return prompt_error(
        field,
        f"{field} has more than {MAX_NESTING} brackets inside each other.",
        hint="Write a weight as a number, (word:1.5); a backslash before a bracket makes it plain text.",
    )


def shortened(text: str, length: int = 40) -> str:
    """``text`` as an error message may quote it."""
    return text if len(text) <= length else f"{text[:length]}…"
