"""What is said about a preprocessor. Needs no torch."""

from dataclasses import dataclass
from typing import Literal, get_args

from generation.engine.spec import Parameter

ControlType = Literal[
    "Canny", "Depth", "NormalMap", "OpenPose", "MLSD", "Lineart", "SoftEdge", "Scribble", "Segmentation",
    "Shuffle", "Tile", "Inpaint", "Recolor", "T2I-Adapter", "Face",
]  # fmt: skip
"""What a ControlNet was trained to follow, in the words of A1111's ControlNet extension."""
CONTROL_TYPES: tuple[ControlType, ...] = get_args(ControlType)


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """One of a preprocessor's own parameters: a number within a range, or a switch."""

    name: str
    label: str
    kind: Literal["int", "float", "bool"]
    default: Parameter
    minimum: float = 0
    maximum: float = 1
    step: float = 1


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file of weights, and where people get it."""

    name: str
    """Path below the folder ``annotators``. A ``.safetensors`` of the same name is taken in its place."""
    repository: str
    """On Hugging Face, as ``owner/name``."""
    path: str
    """Inside of the repository."""
    nbytes: int
    """About, for a progress bar and for free space."""
    licence: str = ""
    """Its SPDX name or a few words; empty where its authors say nothing."""

    @property
    def url(self) -> str:
        return f"https://huggingface.co/{self.repository}/resolve/main/{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessorInfo:
    """One way to make a map of a picture."""

    name: str
    """As A1111's ControlNet extension calls it, where it has it."""
    label: str
    control_types: tuple[ControlType, ...]
    """The ControlNets its maps are for, the most usual one first; all of them for ``none``."""
    description: str
    aliases: tuple[str, ...] = ()
    """Other names that are understood."""
    parameters: tuple[ParameterInfo, ...] = ()
    """In the order of A1111's ``threshold_a`` and ``threshold_b``."""
    files: tuple[FileInfo, ...] = ()
    """What it cannot work without; empty for those that work out of the box."""
    package: str = ""
    """A Python package that is not installed by default."""
    needs_mask: bool = False
    takes_resolution: bool = True
    """False for those that work at the picture's own size."""
    resolution: int = 512
    """The default: shorter side in pixels at which it works."""
    flat: bool = False
    """Its colours must not be blended when the map is scaled."""
