"""The parts of SD3 and Flux that a file of the transformer leaves out, and where they are looked for.

For ``models/checkpoints/name.safetensors`` these are, the first found counts:

1. ``name.config/`` beside it, laid out like a diffusers folder: ``vae/``, ``text_encoder/`` and so on, each
   with ``config.json`` and ``.safetensors`` weights;
2. files in ``name.config/`` that hold one part each, under the names that they are published by:
   ``ae.safetensors`` or ``vae.safetensors``, ``clip_l.safetensors``, ``clip_g.safetensors``,
   ``t5xxl*.safetensors``;
3. the same files, save ``vae.safetensors``, beside it or in ``models/vae/`` and ``models/text_encoders/``,
   where several models can share them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from generation.engine.checkpoints.component_folder import component_config, component_files, component_read
from generation.engine.checkpoints.families import FAMILIES, Component, Family, Kind
from generation.engine.checkpoints.header import header_read
from generation.engine.checkpoints.info import Tensors
from generation.engine.checkpoints.reading import described, source_read
from generation.engine.checkpoints.sources import lone_sources

_OWN_VAE: Final = "vae.safetensors"
"""Too common a name to be taken from a shared folder."""
_NAMES: Final[Mapping[tuple[Family, Component], tuple[str, ...]]] = {
    ("sd3", "vae"): (_OWN_VAE, "sd3_vae.safetensors"),
    ("sd3", "text_encoder"): ("clip_l*.safetensors",),
    ("sd3", "text_encoder_2"): ("clip_g*.safetensors",),
    ("sd3", "text_encoder_3"): ("t5xxl*.safetensors",),
    ("flux", "vae"): ("ae.safetensors", _OWN_VAE),
    ("flux", "text_encoder"): ("clip_l*.safetensors",),
    ("flux", "text_encoder_2"): ("t5xxl*.safetensors",),
}


@dataclass(frozen=True, slots=True)
class Companion:
    """A part that was found."""

    config: dict[str, Any]
    read: Callable[[], Tensors]


def sidecar(path: Path) -> Path:
    """The folder of what belongs to a single file."""
    return path.with_suffix(".config")


def companion_find(path: Path, family: Family, component: Component) -> Companion | None:
    """``component`` for the checkpoint at ``path``, or None where it is nowhere.

    Raises ``EngineError`` for one that is there and cannot be used.
    """
    kind = FAMILIES[family].components[component]
    folder = sidecar(path) / component
    if any(folder.glob("*.safetensors")):
        return _from_folder(folder, component, kind)
    file = next(_files(path, family, component), None)
    return None if file is None else _from_file(file, family, component)


def companion_hint(path: Path, family: Family, missing: Iterable[Component]) -> str:
    """What to do about parts that are nowhere."""
    wanted = "; ".join(
        f"{component} as a folder {sidecar(path).name}/{component}/ or as a file "
        f"{_NAMES[family, component][0].replace('*', '')} in {sidecar(path).name}/ or beside {path.name}"
        for component in missing
    )
    return f"Put there: {wanted}."


def _files(path: Path, family: Family, component: Component) -> Iterator[Path]:
    shared = (path.parent, path.parent.parent / "vae", path.parent.parent / "text_encoders")
    for folder in (sidecar(path), *shared):
        for name in _NAMES[family, component]:
            if name == _OWN_VAE and folder in shared:
                continue
            # The full precision first.
            found = sorted(folder.glob(name), key=lambda file: ("fp8" in file.name, file.name))
            yield from (file for file in found if file != path)


def _from_folder(folder: Path, component: Component, kind: Kind) -> Companion:
    files = component_files(folder)
    return Companion(component_config(folder.parent, component), lambda: component_read(files, kind))


def _from_file(file: Path, family: Family, component: Component) -> Companion:
    header = header_read(file)
    source = lone_sources(family, header.shapes)[component]
    config = described(file, source, header)
    return Companion(config, lambda: source_read(file, source, config))
