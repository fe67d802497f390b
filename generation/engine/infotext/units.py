"""ControlNet units in A1111's words: ``Module: canny, Weight: 1.0, Pixel Perfect: True``."""

from collections.abc import Mapping

from generation.engine.infotext.recipe import real

UnitValue = bool | int | float | str


def unit_write(fields: Mapping[str, UnitValue]) -> str | None:
    """One unit's fields, by names in snake case; None when a value cannot be written in this form.

    A value of -1 means the unit's default and is left out.
    """
    pairs = [(_title(name), str(value)) for name, value in fields.items() if value != -1]
    if any(mark in value for _, value in pairs for mark in ",:"):
        return None
    return ", ".join(f"{name}: {value}" for name, value in pairs)


def unit_read(text: str) -> dict[str, UnitValue]:
    """A unit's fields by names in snake case; what is no ``name: value`` is passed over."""
    pairs = (part.partition(": ") for part in text.split(","))
    return {
        name.strip().lower().replace(" ", "_"): _value(value.strip()) for name, sign, value in pairs if sign
    }


def _title(name: str) -> str:
    return " ".join(word.capitalize() for word in name.split("_"))


def _value(text: str) -> UnitValue:
    if text in ("True", "False"):
        return text == "True"
    number = real(text)
    if number is None:
        return text
    return int(text) if text.lstrip("+-").isdecimal() and text.isascii() else number
