"""Control types and preprocessors with their parameters."""

from typing import Literal

from ninja import Schema

from generation.engine.preprocess.catalog import (
    CONTROL_TYPES,
    PREPROCESSORS,
    ParameterInfo,
    PreprocessorInfo,
)
from generation.orders.controls import files_missing, usual_preprocessor


class ControlTypeOut(Schema):
    """What a ControlNet follows: `name` to send as `type`."""

    name: str
    preprocessor: str
    """The one that is used when a unit names none."""
    preprocessors: list[str]
    """All whose maps it takes."""


class ParameterOut(Schema):
    """A preprocessor's parameter: a field of the control unit."""

    name: str
    label: str
    kind: Literal["int", "float", "bool"]
    default: bool | int | float | str
    minimum: float
    maximum: float
    step: float


class FileOut(Schema):
    """A file that a preprocessor needs and that is not there."""

    name: str
    """Below `helpers/annotators` in the folder of models."""
    url: str
    bytes: int
    licence: str


class PreprocessorOut(Schema):
    """One way to make a map of a picture."""

    name: str
    label: str
    description: str
    control_types: list[str]
    parameters: list[ParameterOut]
    resolution: int
    takes_resolution: bool
    needs_mask: bool
    is_ready: bool
    """Whether its files are there."""
    missing_files: list[FileOut]


def control_types() -> list[ControlTypeOut]:
    """All of them, in the catalog's order."""
    return [
        ControlTypeOut(
            name=name,
            preprocessor=usual_preprocessor(name).name,
            preprocessors=[info.name for info in PREPROCESSORS if name in info.control_types],
        )
        for name in CONTROL_TYPES
    ]


def preprocessors() -> list[PreprocessorOut]:
    """All of them, in the catalog's order."""
    return [_preprocessor(info) for info in PREPROCESSORS]


def _preprocessor(info: PreprocessorInfo) -> PreprocessorOut:
    missing = files_missing(info)
    return PreprocessorOut(
        name=info.name,
        label=info.label,
        description=info.description,
        control_types=list(info.control_types),
        parameters=[_parameter(parameter) for parameter in info.parameters],
        resolution=info.resolution,
        takes_resolution=info.takes_resolution,
        needs_mask=info.needs_mask,
        is_ready=not missing,
        missing_files=[
            FileOut(name=file.name, url=file.url, bytes=file.nbytes, licence=file.licence) for file in missing
        ],
    )


def _parameter(info: ParameterInfo) -> ParameterOut:
    return ParameterOut(
        name=info.name,
        label=info.label,
        kind=info.kind,
        default=info.default,
        minimum=info.minimum,
        maximum=info.maximum,
        step=info.step,
    )
