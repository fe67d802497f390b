"""Every preprocessor people can name, its parameters and the files it needs. Needs no torch.

Names and the order of parameters are those of A1111's ControlNet extension, so that recipes and API clients
written for it keep working. How each works is in ``generation.engine.preprocess.running``.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Final

from generation.engine.errors import EngineError
from generation.engine.preprocess.info import (
    CONTROL_TYPES,
    ControlType,
    FileInfo,
    ParameterInfo,
    PreprocessorInfo,
)
from generation.engine.preprocess.tables.colours import COLOURS
from generation.engine.preprocess.tables.lines import LINES
from generation.engine.preprocess.tables.scenes import SCENES
from generation.engine.spec import Parameter

__all__ = [
    "CONTROL_TYPES",
    "PREPROCESSORS",
    "ControlType",
    "FileInfo",
    "ParameterInfo",
    "PreprocessorInfo",
    "parameters_checked",
    "preprocessor_info",
]

PREPROCESSORS: Final[tuple[PreprocessorInfo, ...]] = (*COLOURS, *LINES, *SCENES)
SHOWN: Final = 60
"""Characters of a bad value that an error repeats."""


def _key(name: str) -> str:
    """The form in which names are compared: case, blanks, ``_`` and ``-`` make no difference."""
    return " ".join(re.split(r"[\s_-]+", name.casefold())).strip()


_BY_KEY: Final = {_key(name): info for info in PREPROCESSORS for name in (info.name, *info.aliases)}


def preprocessor_info(name: str) -> PreprocessorInfo:
    """The catalog's entry of a name or an alias.

    Raises ``EngineError("unknown_preprocessor")``, whose hint names similar ones.
    """
    info = _BY_KEY.get(_key(name))
    if info is None:
        near = difflib.get_close_matches(_key(name[:SHOWN]), _BY_KEY, n=3)
        names = list(dict.fromkeys(_BY_KEY[key].name for key in near))
        known = ", ".join(entry.name for entry in PREPROCESSORS)
        raise EngineError(
            "unknown_preprocessor",
            f"There is no preprocessor named “{_shown(name)}”.",
            hint=f"Did you mean {' or '.join(names)}?" if names else f"Known: {known}.",
            field="controlnet.preprocessor",
        )
    return info


def parameters_checked(info: PreprocessorInfo, given: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """A value for every parameter of ``info``: the given one, or the default.

    Raises ``EngineError("invalid_request")`` for a value of the wrong type or out of range, and for a
    parameter that the preprocessor does not have.
    """
    names = [parameter.name for parameter in info.parameters]
    for name in given:
        if name not in names:
            has = f"It has {', '.join(names)}." if names else "It has none."
            raise _invalid(name, f"The preprocessor {info.name} has no parameter {_shown(name)}.", hint=has)
    return {
        parameter.name: _checked(parameter, given.get(parameter.name, parameter.default))
        for parameter in info.parameters
    }


def _checked(parameter: ParameterInfo, value: Parameter) -> Parameter:
    if parameter.kind == "bool":
        if isinstance(value, bool):
            return value
        raise _invalid(parameter.name, f"{parameter.name} must be true or false, not {_shown(value)}.")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _invalid(parameter.name, f"{parameter.name} must be a number, not {_shown(value)}.")
    if not parameter.minimum <= value <= parameter.maximum:  # false for NaN too
        within = f"between {parameter.minimum} and {parameter.maximum}"
        raise _invalid(parameter.name, f"{parameter.name} must be {within}, not {_shown(value)}.")
    if parameter.kind == "float":
        return float(value)
    if value != int(value):
        raise _invalid(parameter.name, f"{parameter.name} must be a whole number, not {_shown(value)}.")
    return int(value)


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _invalid(name: str, message: str, *, hint: str = "") -> EngineError:
    return EngineError("invalid_request", message, hint=hint, field=f"controlnet.{_shown(name)}")
