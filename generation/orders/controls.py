"""Control units and IP-Adapters: types, preprocessors and models that go together."""

from collections.abc import Mapping
from typing import Any, Final

from generation.engine.errors import EngineError
from generation.engine.preprocess.catalog import (
    CONTROL_TYPES,
    PREPROCESSORS,
    ControlType,
    FileInfo,
    PreprocessorInfo,
    parameters_checked,
    preprocessor_info,
)
from generation.engine.spec import limits
from generation.orders.errors import as_field, portal_error
from generation.orders.shelf import Kind, Shelf, plain
from generation.schemas import ControlIn, IpAdapterIn, invalid_field
from models_hub.selectors import helpers_path

WORDS: Final[Mapping[ControlType, tuple[str, ...]]] = {
    "Canny": ("canny",),
    "Depth": ("depth", "midas", "zoe"),
    "NormalMap": ("normal",),
    "OpenPose": ("openpose", "pose"),
    "MLSD": ("mlsd",),
    "Lineart": ("lineart",),
    "SoftEdge": ("softedge", "hed", "pidinet", "teed"),
    "Scribble": ("scribble", "sketch"),
    "Segmentation": ("segmentation", "seg"),
    "Shuffle": ("shuffle",),
    "Tile": ("tile", "blur"),
    "Inpaint": ("inpaint",),
    "Recolor": ("recolor", "luminance"),
    "T2I-Adapter": ("t2i",),
    "Face": ("face",),
}
"""What the files and names of ControlNets of a type say."""

_PARAMETERS: Final = frozenset(parameter.name for info in PREPROCESSORS for parameter in info.parameters)


def unit_resolve(shelf: Shelf, unit: ControlIn, field: str) -> dict[str, Any]:
    """The unit with its type, its model and its preprocessor named, and every parameter of that one.

    Raises ``PortalError`` naming the unit's field.
    """
    control_type, preprocessor = unit_kind(unit, field)
    if unit.start_percent > unit.stop_percent:
        raise invalid_field(f"{field}.stop_percent", "it stops before it starts")
    if unit.model:
        model = shelf.named(field, Kind.CONTROLNET, unit.model, at=f"{field}.model")
    else:
        words = WORDS[control_type] if control_type else ()
        model = shelf.first(field, Kind.CONTROLNET, words=words, at=f"{field}.type")
    return {
        **unit.model_dump(exclude=set(unit.model_extra or ())),
        "type": control_type or unit.type,
        "model": model.name,
        "preprocessor": preprocessor.name,
        **unit_parameters(unit, preprocessor, field),
    }


def unit_kind(unit: ControlIn, field: str) -> tuple[ControlType | None, PreprocessorInfo]:
    """What a unit follows, and the preprocessor that makes the map for it.

    A type may be given by the name of one of its preprocessors, as in ``hed``. Raises ``PortalError``.
    """
    control_type, usual = _type_named(unit.type, f"{field}.type") if unit.type else (None, None)
    if unit.preprocessor is None:
        return control_type, _ready(usual, control_type) if usual else preprocessor_info("none")
    with as_field(f"{field}.preprocessor"):
        chosen = preprocessor_info(unit.preprocessor)
    return control_type or (chosen.control_types[0] if chosen.name != "none" else None), chosen


def _type_named(name: str, field: str) -> tuple[ControlType, PreprocessorInfo]:
    same = [known for known in CONTROL_TYPES if plain(known) == plain(name)]
    try:
        info = preprocessor_info(name)
    except EngineError as error:
        if not same:
            hint = f"There are: {', '.join(known.lower() for known in CONTROL_TYPES)}."
            raise portal_error(EngineError(error.code, error.message, hint=hint), field=field) from None
        info = next(info for info in PREPROCESSORS if info.control_types == (same[0],))
    return same[0] if same else info.control_types[0], info


def _ready(usual: PreprocessorInfo, control_type: ControlType | None) -> PreprocessorInfo:
    """The usual preprocessor of a type, or, where its files are not installed, another that needs none."""
    if not files_missing(usual):
        return usual
    others = (info for info in PREPROCESSORS if info.control_types == (control_type,) and not info.package)
    return next((info for info in others if not info.files), usual)


def usual_preprocessor(control_type: ControlType) -> PreprocessorInfo:
    """The preprocessor of a unit that names the type alone."""
    return _ready(_type_named(control_type, "type")[1], control_type)


def files_missing(info: PreprocessorInfo) -> list[FileInfo]:
    """What a preprocessor needs and the folder of helpers lacks."""
    folder = helpers_path() / "annotators"
    return [
        file
        for file in info.files
        if not (folder / file.name).exists() and not (folder / file.name).with_suffix(".safetensors").exists()
    ]


def unit_parameters(unit: ControlIn, preprocessor: PreprocessorInfo, field: str) -> dict[str, Any]:
    """All parameters of the preprocessor, from what the unit says beside its fields. Those of other
    preprocessors are left alone: the predecessor's page sends all of them.
    """
    names = {parameter.name for parameter in preprocessor.parameters}
    given = {name: value for name, value in (unit.model_extra or {}).items() if name in names}
    try:
        return dict(parameters_checked(preprocessor, given))
    except EngineError as error:
        name = (error.field or "").rpartition(".")[2]
        raise portal_error(error, field=f"{field}.{name}") from None


def parameters_of(unit: Mapping[str, Any]) -> dict[str, Any]:
    """The preprocessor's own parameters among the fields of a resolved unit."""
    return {name: value for name, value in unit.items() if name in _PARAMETERS}


def adapter_resolve(shelf: Shelf, adapter: IpAdapterIn, field: str) -> dict[str, Any]:
    """The adapter with its model and its image encoder named. Raises ``PortalError`` naming the field."""
    with as_field():
        if adapter.start > adapter.end:
            raise limits.invalid(f"{field}.end", f"{field} ends before it starts.")
    if adapter.model:
        model = shelf.named(field, Kind.IP_ADAPTER, adapter.model, at=f"{field}.model")
    else:
        model = shelf.first(field, Kind.IP_ADAPTER, at=f"{field}.model")
    use, at = f"{field}.image_encoder", f"{field}.image_encoder"
    if adapter.image_encoder:
        encoder = shelf.named(use, Kind.CLIP, adapter.image_encoder, at=at)
    else:
        # What ships together belongs together: the adapter's own source first.
        fitting = [clip for clip in shelf.fitting(Kind.CLIP) if clip.source == model.source]
        encoder = shelf.note(use, fitting[0]) if fitting else shelf.first(use, Kind.CLIP, at=at)
    return {**adapter.model_dump(), "model": model.name, "image_encoder": encoder.name}
