"""Parts of a request as one argument: ``"model=canny.safetensors image=fox.png weight=0.8"``."""

import argparse
import shlex
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from generation.engine.errors import EngineError
from generation.engine.spec import ControlUnit, ModelRef

T = TypeVar("T")


def unit(kind: type[T]) -> Callable[[str], T]:
    """What turns an argument into a ``kind``, one of the dataclasses of ``generation.engine.spec``."""

    def parse(text: str) -> T:
        known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
        given = _words(text)
        values: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for name, value in given.items():
            if name in known:
                values[name] = _value(known[name], value)
            elif issubclass(kind, ControlUnit):
                own[name] = _number(value)
            else:
                raise argparse.ArgumentTypeError(f"{name} is not one of {', '.join(known)}")
        if own:
            values["parameters"] = own
        missing = [name for name, field in known.items() if _required(field) and name not in values]
        if missing:
            raise argparse.ArgumentTypeError(f"{', '.join(missing)} must be given")
        try:
            return kind(**values)
        except EngineError as error:
            raise argparse.ArgumentTypeError(error.message) from error

    parse.__name__ = kind.__name__
    return parse


def picture(text: str) -> Any:
    """A picture file, opened and read."""
    from PIL import Image

    try:
        with Image.open(text) as image:
            image.load()
            return image.copy()
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be read as a picture: {error}") from error


def model(text: str) -> ModelRef:
    """A model file or folder."""
    path = Path(text)
    return ModelRef(path=path, name=path.stem)


def _words(text: str) -> Mapping[str, str]:
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
    if any(not sign for _, sign, _ in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of name=value")
    return {name: value for name, _, value in pairs}


def _required(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _value(field: "Field[Any]", text: str) -> Any:
    """By the field's type, which is what its text says: these types are plain."""
    wanted = str(field.type)
    if "tuple[Image" in wanted:
        return tuple(picture(part) for part in text.split(":"))
    for sign, convert in _CONVERSIONS.items():
        if sign in wanted:
            return convert(text)
    return text


def _model_or_name(text: str) -> ModelRef | str:
    return model(text) if Path(text).exists() else text


def _truth(text: str) -> bool:
    if text.lower() not in ("yes", "no", "true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither yes nor no")
    return text.lower() in ("yes", "true", "1")


def _number(text: str) -> bool | int | float | str:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


_CONVERSIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "Image": picture,
    "ModelRef | str": _model_or_name,
    "ModelRef": model,
    "bool": _truth,
    "int": int,
    "float": float,
}
"""By what the type is called, the first that fits."""
