"""Reading the networks that a preprocessor needs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from generation.engine.errors import EngineError
from generation.engine.preprocess.annotator import Annotator
from generation.engine.preprocess.catalog import FileInfo, PreprocessorInfo, preprocessor_info
from generation.engine.preprocess.depth import DEPTH_NETWORKS
from generation.engine.preprocess.dwpose import dwpose
from generation.engine.preprocess.edges import EDGE_NETWORKS
from generation.engine.preprocess.pose import POSE_NETWORKS
from generation.engine.preprocess.transformer import TRANSFORMERS

FOLDER: Final = "annotators"
"""Below ``EngineConfig.helpers``."""
SAFE_NAMES: Final = {"pytorch_model.bin": "model.safetensors"}
"""What replaces a pickle, where it is not the same name with another ending: transformers' own names."""
NETWORKS: Final[Mapping[str, Callable[[tuple[Path, ...]], Annotator]]] = {
    **EDGE_NETWORKS,
    **DEPTH_NETWORKS,
    **POSE_NETWORKS,
    **TRANSFORMERS,
    "dw_openpose_full": dwpose,
}
"""By the catalog's names: what makes an annotator of the files, in the catalog's order."""


def annotator_load(name: str, helpers: Path | None) -> Annotator | None:
    """The networks of a preprocessor on the CPU, or None for one that needs none.

    ``helpers`` is ``EngineConfig.helpers``. Raises ``EngineError`` with code ``unknown_preprocessor``,
    ``model_missing`` (says which file, and where it is to be had), ``model_unsafe``, ``model_corrupt`` or
    ``package_missing``.
    """
    info = preprocessor_info(name)
    if info.name not in NETWORKS:
        return None
    try:
        return NETWORKS[info.name](annotator_files(info, helpers))
    except EngineError as error:
        error.field = error.field or "controlnet.preprocessor"
        raise


def annotator_files(info: PreprocessorInfo, helpers: Path | None) -> tuple[Path, ...]:
    """Where the files of a preprocessor lie, in the catalog's order.

    Raises ``EngineError("model_missing")``.
    """
    return tuple(_located(info, file, helpers) for file in info.files)


def _located(info: PreprocessorInfo, file: FileInfo, helpers: Path | None) -> Path:
    if helpers is not None:
        path = helpers / FOLDER / file.name
        for candidate in (path.with_name(SAFE_NAMES.get(path.name, f"{path.stem}.safetensors")), path):
            if candidate.is_file():
                return candidate
    where = f"at {FOLDER}/{file.name} in the engine's folder of helper files"
    raise EngineError(
        "model_missing",
        f"The preprocessor {info.name} needs the file {file.name} (about {_size(file.nbytes)}), which is not "
        "there.",
        hint=f"Download it from {file.url} and put it {where}, or let the models hub get it.",
        field="controlnet.preprocessor",
    )


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e6:.0f} MB" if nbytes >= 1e6 else f"{nbytes / 1e3:.0f} kB"
