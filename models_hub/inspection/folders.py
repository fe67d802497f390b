"""What a folder is: a whole pipeline that diffusers saved, or one network with its ``config.json``."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from models_hub.inspection.findings import (
    NATIVE_SIZES,
    PICKLE_SUFFIXES,
    Family,
    Format,
    Inspection,
    Kind,
    Variant,
    broken_json,
    pickle_refused,
    unknown_model,
    wrong_channels,
)
from models_hub.inspection.layouts.checkpoint import CHANNELS, FLUX_FILL_WIDTH
from models_hub.inspection.layouts.layout import SD2_TEXT_WIDTH
from models_hub.inspection.networks import code_refused, network_inspect
from models_hub.safetensors_header import SafetensorsHeader, header_read
from sdweb.errors import PortalError

MAX_JSON_BYTES: Final = 2**20
INDEX: Final = "model_index.json"
CONFIG: Final = "config.json"
TOKENIZER_CONFIG: Final = "tokenizer_config.json"
TOKENIZER_FILES: Final = ("tokenizer.json", "vocab.json", "tokenizer.model")
WEIGHTS: Final = re.compile(
    r"(diffusion_pytorch_model|pytorch_model|model)([.-].*)?\.(safetensors|bin)", re.I
)
"""How diffusers and transformers call the weights beside a ``config.json``."""


def is_model_folder(path: Path) -> bool:
    """Whether a folder as a whole claims to be one model; nothing is opened."""
    if (path / INDEX).is_file():
        return True
    return (path / CONFIG).is_file() and any(WEIGHTS.fullmatch(file.name) for file in path.iterdir())


def folder_inspect(path: Path) -> Inspection:
    """Recognise a folder by its ``model_index.json`` or ``config.json`` and check the header of every weight
    in it.

    Raises as ``file_inspect`` does.
    """
    if (path / INDEX).is_file():
        return _pipeline(path)
    config = json_read(path / CONFIG)
    found = network_inspect(config, _weights(path))
    if found.kind is Kind.LANGUAGE_MODEL:
        _tokenizer_check(path)
    return found


def _tokenizer_check(path: Path) -> None:
    """A language model without its tokenizer can do nothing, and one with code of its own is not loaded."""
    if not any((path / name).is_file() for name in TOKENIZER_FILES):
        raise broken_json(
            path.name, f"is a language model without a tokenizer ({', '.join(TOKENIZER_FILES)})"
        )
    said = path / TOKENIZER_CONFIG
    if said.is_file() and "auto_map" in json_read(said):
        raise code_refused(TOKENIZER_CONFIG)


def json_read(path: Path) -> dict[str, Any]:
    """A JSON object from a small file. Raises ``PortalError("broken_file")``."""
    if path.stat().st_size > MAX_JSON_BYTES:
        raise broken_json(path.name, "is larger than any real one")
    try:
        parsed = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError):
        raise broken_json(path.name, "is not JSON") from None
    if not isinstance(parsed, dict):
        raise broken_json(path.name, "is not a JSON object")
    return parsed


def _weights(folder: Path) -> list[SafetensorsHeader]:
    """The headers of the weights in a folder, pickles beside them passed over: loaders are told to.

    Raises ``PortalError`` when there are pickles alone.
    """
    files = sorted(folder.iterdir())
    pickles = [file for file in files if file.suffix.lower() in PICKLE_SUFFIXES]
    headers = [header_read(file) for file in files if file.suffix.lower() == ".safetensors"]
    if pickles and not headers:
        raise pickle_refused(f"{folder.name}/{pickles[0].name}")
    return headers


# --- Pipelines
# ---------------------------------------------------------------------------------------------------------

PIPELINES: Final[Mapping[str, Family]] = {
    "StableDiffusionPipeline": Family.SD15,
    "StableDiffusionInpaintPipeline": Family.SD15,
    "StableDiffusionXLPipeline": Family.SDXL,
    "StableDiffusionXLInpaintPipeline": Family.SDXL,
    "StableDiffusionXLImg2ImgPipeline": Family.SDXL,
    "StableDiffusion3Pipeline": Family.SD3,
    "FluxPipeline": Family.FLUX,
    "FluxFillPipeline": Family.FLUX,
}

WEIGHTED: Final[Mapping[Family, frozenset[str]]] = {
    Family.SD15: frozenset({"unet", "vae", "text_encoder"}),
    Family.SDXL: frozenset({"unet", "vae", "text_encoder", "text_encoder_2"}),
    Family.SD3: frozenset({"transformer", "vae"}),
    Family.FLUX: frozenset({"transformer", "vae", "text_encoder"}),
}
"""Components without which a family cannot run, and which consist of weights."""

TOKENIZERS: Final[Mapping[Family, frozenset[str]]] = {
    Family.SD15: frozenset({"tokenizer"}),
    Family.SDXL: frozenset({"tokenizer", "tokenizer_2"}),
}

REFINER_LACKS: Final = frozenset({"text_encoder", "tokenizer"})
"""What the refiner of SDXL goes without."""

LIBRARIES: Final = ("diffusers", "transformers", "stable_diffusion")
"""A library named in ``model_index.json`` is imported by loaders: another name could be a stranger's code."""


def _pipeline(path: Path) -> Inspection:
    index = json_read(path / INDEX)
    family = PIPELINES.get(str(index.get("_class_name")))
    if family is None:
        raise unknown_model(
            f"Its pipeline {str(index.get('_class_name'))[:80]!r} is not one that the portal knows."
        )
    components = _components(index)
    variant = _variant(path, family, components)
    lacks = REFINER_LACKS if variant is Variant.REFINER else frozenset()
    weighted = WEIGHTED[family] - lacks
    needed = weighted | TOKENIZERS.get(family, frozenset()) - lacks
    if not needed <= set(components) or (family is Family.SD15 and "text_encoder_2" in components):
        raise unknown_model("Its components do not fit its pipeline.")
    for name in components:
        _component_check(path / name, needs_weights=name in weighted)
    return Inspection(
        kind=Kind.CHECKPOINT,
        family=(told := _by_text(path, family)),
        variant=variant,
        format=Format.DIFFUSERS,
        native_size=_native(path, told),
    )


def _by_text(path: Path, family: Family) -> Family:
    """SD 2 has the parts and the pipeline of SD 1.5: the text's width is what differs."""
    width = _denoiser_config(path, family).get("cross_attention_dim")
    return Family.SD2 if family is Family.SD15 and width == SD2_TEXT_WIDTH else family


def _variant(path: Path, family: Family, components: Sequence[str]) -> Variant:
    """By the parts and by how many channels the UNet takes, whatever the pipeline is called."""
    if family is Family.SDXL and REFINER_LACKS.isdisjoint(components):
        return Variant.REFINER
    if family is Family.FLUX:
        is_fill = _denoiser_config(path, family).get("in_channels") == FLUX_FILL_WIDTH
        return Variant.INPAINTING if is_fill else Variant.BASE
    if family is Family.SD3:
        return Variant.BASE
    channels = _denoiser_config(path, family).get("in_channels", next(iter(CHANNELS)))
    if type(channels) is not int or channels not in CHANNELS:
        raise wrong_channels(channels)
    return CHANNELS[channels]


def _components(index: Mapping[str, Any]) -> list[str]:
    """The names of the folders that the pipeline consists of."""
    found = []
    for name, entry in index.items():
        if name.startswith("_") or not isinstance(entry, list) or entry[:1] == [None]:
            continue
        if not (len(entry) == 2 and entry[0] in LIBRARIES and isinstance(entry[1], str)):
            raise PortalError(
                "unsafe_format",
                f"Its component {name[:80]!r} comes from a library that the portal does not load code from.",
                hint="Use a folder that was saved by diffusers.",
                status=422,
            )
        if not name.isidentifier():
            raise broken_json(INDEX, "names a component that is not a folder's name")
        found.append(name)
    return found


def _component_check(folder: Path, *, needs_weights: bool) -> None:
    if not folder.is_dir() or not any(folder.iterdir()):
        raise broken_json(INDEX, f"names {folder.name}, which is missing or empty")
    if not _weights(folder) and needs_weights:
        raise broken_json(INDEX, f"names {folder.name}, which has no weights in it")


def _native(path: Path, family: Family) -> int:
    """Pixels: the UNet's latent side times the VAE's factor of eight, where the folder says it."""
    side = _denoiser_config(path, family).get("sample_size")
    if type(side) is int and 8 <= side <= 256:
        return side * 8
    return NATIVE_SIZES[family]


def _denoiser_config(path: Path, family: Family) -> dict[str, Any]:
    config = path / ("transformer" if family in {Family.SD3, Family.FLUX} else "unet") / CONFIG
    return json_read(config) if config.is_file() else {}
