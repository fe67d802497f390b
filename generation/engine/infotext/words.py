"""How names and numbers are written in A1111's text."""

from collections.abc import Iterator

from generation.engine.spec import ModelRef

Pairs = Iterator[tuple[str, str]]


def name_of(model: ModelRef) -> str:
    """What people know the model by."""
    return model.name or model.path.stem


def hashed(name: str, digest: str, characters: int) -> str:
    """``name [0123456789]``, or the name alone where nothing is known."""
    return f"{name} [{digest[:characters]}]" if digest else name


def number(value: float) -> str:
    """As short as it can be without another one being read back."""
    return str(int(value)) if value == int(value) else repr(float(value))
