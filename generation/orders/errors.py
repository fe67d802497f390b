"""Other people's errors in the portal's shape, naming the fields of the wire."""

from collections.abc import Iterator
from contextlib import contextmanager

from generation.engine.errors import EngineError
from sdweb.errors import PortalError

_WIRE_NAMES = {"schedule": "scheduler", "guidance_scale": "cfg_scale", "checkpoint": "model"}
"""The engine's fields that the wire calls by another name."""


def portal_error(error: EngineError, *, status: int = 422, field: str | None = None) -> PortalError:
    """The engine's error in the portal's shape, with ``field`` in place of the engine's own."""
    name = field or (_WIRE_NAMES.get(error.field, error.field) if error.field else None)
    return PortalError(
        error.code,
        error.message,
        hint=error.hint,
        fields={name: error.message} if name else {},
        status=status,
    )


@contextmanager
def as_field(field: str | None = None) -> Iterator[None]:
    """What is refused inside is refused for ``field``; without one, for the field that the error names."""
    try:
        yield
    except EngineError as error:
        raise portal_error(error, field=field) from None
    except PortalError as error:
        if field is not None:
            error.fields = {field: next(iter(error.fields.values()), error.message)}
        raise
