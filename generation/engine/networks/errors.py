"""Which field of a request an error is about."""

from collections.abc import Iterator
from contextlib import contextmanager

from generation.engine.errors import EngineError


@contextmanager
def about(field: str) -> Iterator[None]:
    """Errors from inside name ``field`` where they name none."""
    try:
        yield
    except EngineError as error:
        error.field = error.field or field
        raise
