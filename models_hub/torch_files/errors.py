"""The two ways to say no to a PyTorch file."""

from sdweb.errors import PortalError


def broken(what: str) -> PortalError:
    """``what`` is a clause."""
    return PortalError(
        "broken_file",
        f"This is not a whole PyTorch file: {what}.",
        hint="Copy or download it again.",
        status=422,
    )


def unsafe(what: str) -> PortalError:
    """``what`` is a clause: what a loader would have to do."""
    return PortalError(
        "unsafe_format",
        f"This PyTorch file is a pickle that holds more than weights: {what}. Loading could run a program.",
        hint="Get the model as .safetensors.",
        status=422,
    )
