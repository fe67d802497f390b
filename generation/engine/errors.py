"""The one error type of the engine's boundary."""


class EngineError(Exception):
    """A request that could not be carried out.

    ``code`` is stable and machine-readable, the message and ``hint`` are for the person who asked,
    ``permanent`` says that trying the same request again cannot help, and ``field`` names the offending
    request field, if one does.
    """

    def __init__(
        self, code: str, message: str, *, hint: str = "", permanent: bool = True, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.permanent = permanent
        self.field = field


class GenerationCancelled(Exception):  # noqa: N818 - an outcome that was asked for, not an error
    """Raised by a generation's future when its ``is_cancelled`` said so."""
