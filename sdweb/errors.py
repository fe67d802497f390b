"""The one error type of the portal's services; the API and the socket render it the same way."""

from collections.abc import Mapping


class PortalError(Exception):
    """A request that was refused; nothing was changed.

    ``code`` is stable, ``message`` says what happened, ``hint`` what to do about it, ``fields`` maps input
    fields to what is wrong with them, and ``status`` is the HTTP status that fits.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        fields: Mapping[str, str] | None = None,
        status: int = 400,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.fields = dict(fields or {})
        self.status = status

    def as_dict(self) -> dict[str, object]:
        """The wire form: ``{code, message, hint, fields}``."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "fields": self.fields}


def not_found(what: str) -> PortalError:
    """The answer for a thing that does not exist or is not yours: a stranger cannot tell which."""
    return PortalError("not_found", f"{what} was not found.", status=404)
