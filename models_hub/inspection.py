"""What a file or a folder is, from its names and shapes alone. Needs no torch and runs nothing."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models_hub.models import ModelFile
from models_hub.safetensors_header import SafetensorsHeader, header_read
from sdweb.errors import PortalError

Kind = ModelFile.Kind
Family = ModelFile.Family
Format = ModelFile.Format

PICKLE_SUFFIXES: Final = frozenset({".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pickle"})
MAX_JSON_BYTES: Final = 2**20
NATIVE_SIZES: Final[Mapping[Family, int]] = {
    Family.SD15: 512, Family.SDXL: 1024, Family.SD3: 1024, Family.FLUX: 1024, Family.UNKNOWN: 512,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found; ``native_size`` is the side in pixels of the pictures it was trained on."""

    kind: Kind
    family: Family
    format: Format
    native_size: int


def file_inspect(path: Path) -> Inspection:
    """Recognise a single file.

    Raises ``PortalError`` ``unsafe_format`` (a pickle), ``broken_file`` or ``unknown_model_type``;
    ``OSError`` passes.
    """
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise pickle_refused(path.name)
    header = header_read(path)
    for layout in LAYOUTS:
        if layout.matches(header):
            family = layout.family(header)
            return Inspection(
                kind=layout.kind, family=family, format=Format.SAFETENSORS, native_size=NATIVE_SIZES[family]
            )
    raise _unknown("Its tensors belong to no kind of model that the portal knows.")


def folder_inspect(path: Path) -> Inspection:
    """Recognise a diffusers folder by its ``model_index.json`` and check the header of every weight in it.

    Raises as ``file_inspect`` does.
    """
    index = json_read(path / "model_index.json")
    family = PIPELINES.get(str(index.get("_class_name")))
    if family is None:
        raise _unknown(
            f"Its pipeline {str(index.get('_class_name'))[:80]!r} is not one that the portal knows."
        )
    components = _components(index)
    if not WEIGHTED[family] <= set(components) or (family is Family.SD15 and "text_encoder_2" in components):
        raise _unknown("Its components do not fit its pipeline.")
    for name in components:
        _component_check(path / name, needs_weights=name in WEIGHTED[family])
    return Inspection(
        kind=Kind.CHECKPOINT, family=family, format=Format.DIFFUSERS, native_size=_native(path, family)
    )


def json_read(path: Path) -> dict[str, Any]:
    """A JSON object from a small file. Raises ``PortalError("broken_file")``."""
    if path.stat().st_size > MAX_JSON_BYTES:
        raise _broken_json(path.name, "is larger than any real one")
    try:
        parsed = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError):
        raise _broken_json(path.name, "is not JSON") from None
    if not isinstance(parsed, dict):
        raise _broken_json(path.name, "is not a JSON object")
    return parsed


def pickle_refused(name: str) -> PortalError:
    """Why a ``.ckpt`` and its like are not taken."""
    return PortalError(
        "unsafe_format",
        f"{name[:80]} is a pickle: loading one can run any program, so it is never opened.",
        hint="Get the model as .safetensors.",
        status=422,
    )


def _unknown(why: str) -> PortalError:
    return PortalError(
        "unknown_model_type",
        why,
        hint="Known are checkpoints, LoRAs, VAEs, ControlNets and embeddings of SD 1.5, SDXL, SD3 and Flux.",
        status=422,
    )


def _broken_json(name: str, what: str) -> PortalError:
    return PortalError("broken_file", f"{name} {what}.", hint="Copy or download the model again.", status=422)


# --- Diffusers folders
# -----------------------------------------------------------------------------------------------

PIPELINES: Final[Mapping[str, Family]] = {
    "StableDiffusionPipeline": Family.SD15,
    "StableDiffusionXLPipeline": Family.SDXL,
    "StableDiffusion3Pipeline": Family.SD3,
    "FluxPipeline": Family.FLUX,
}

WEIGHTED: Final[Mapping[Family, frozenset[str]]] = {
    Family.SD15: frozenset({"unet", "vae", "text_encoder"}),
    Family.SDXL: frozenset({"unet", "vae", "text_encoder", "text_encoder_2"}),
    Family.SD3: frozenset({"transformer", "vae"}),
    Family.FLUX: frozenset({"transformer", "vae", "text_encoder"}),
}
"""Components without which a family cannot run, and which consist of weights."""

LIBRARIES: Final = ("diffusers", "transformers", "stable_diffusion")
"""A library named in ``model_index.json`` is imported by loaders: another name could be a stranger's code."""


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
            raise _broken_json("model_index.json", "names a component that is not a folder's name")
        found.append(name)
    return found


def _component_check(folder: Path, *, needs_weights: bool) -> None:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    if not files:
        raise _broken_json("model_index.json", f"names {folder.name}, which is missing or empty")
    weights = [file for file in files if file.suffix.lower() == ".safetensors"]
    pickles = [file for file in files if file.suffix.lower() in PICKLE_SUFFIXES]
    if pickles and not weights:
        raise pickle_refused(f"{folder.name}/{pickles[0].name}")
    if needs_weights and not weights:
        raise _broken_json("model_index.json", f"names {folder.name}, which has no weights in it")
    for file in weights:
        header_read(file)


def _native(path: Path, family: Family) -> int:
    """Pixels: the UNet's latent side times the VAE's factor of eight, where the folder says it."""
    config = path / ("unet" if family in {Family.SD15, Family.SDXL} else "transformer") / "config.json"
    side = json_read(config).get("sample_size") if config.is_file() else None
    if type(side) is int and 8 <= side <= 256:
        return side * 8
    return NATIVE_SIZES[family]


# --- Single files
# ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which tensors are named; the first of ``LAYOUTS`` that matches decides."""

    kind: Kind
    matches: Callable[[SafetensorsHeader], bool]
    family: Callable[[SafetensorsHeader], Family]


UNET: Final = "model.diffusion_model."
UNET_IN: Final = UNET + "input_blocks.0.0.weight"
VAE_IN: Final = "first_stage_model.decoder.conv_in.weight"
CLIP_TEXT: Final = "cond_stage_model.transformer."
OPEN_CLIP_TEXT: Final = "cond_stage_model.model."
XL_TEXT: Final = "conditioner.embedders."


def _any_name(header: SafetensorsHeader, parts: Iterable[str]) -> bool:
    return any(part in name for part in parts for name in header.tensors)


def _is_checkpoint(header: SafetensorsHeader) -> bool:
    return any(name.startswith((UNET, "double_blocks.0.")) for name in header.tensors)


def _checkpoint_family(header: SafetensorsHeader) -> Family:
    if _any_name(header, ["double_blocks.0.img_attn."]):
        return Family.FLUX
    if _any_name(header, ["joint_blocks.0.x_block."]):
        return Family.SD3
    if _any_name(header, [XL_TEXT]):
        return Family.SDXL
    return _sd1_family(header)


def _sd1_family(header: SafetensorsHeader) -> Family:
    if _any_name(header, [OPEN_CLIP_TEXT]):
        raise _unknown("It is a Stable Diffusion 2 checkpoint: that family is not supported.")
    channels = header.shape(UNET_IN)[1:2]
    if channels and channels != (4,):
        raise _unknown(
            f"Its UNet takes {channels[0]} channels instead of 4: it is made for inpainting or editing."
        )
    missing = [
        what
        for what, found in (
            ("UNet", UNET_IN in header.tensors),
            ("VAE", VAE_IN in header.tensors),
            ("text encoder", _any_name(header, [CLIP_TEXT])),
        )
        if not found
    ]
    if missing:
        raise _unknown(f"It is a part of a checkpoint: it has no {' and no '.join(missing)}.")
    return Family.SD15


def _lora_family(header: SafetensorsHeader) -> Family:
    if _any_name(header, ["double_blocks", "single_transformer_blocks"]):
        return Family.FLUX
    # The text's width, where the UNet looks at it: 768 in SD1.5, 2048 in SDXL.
    widths = {
        tensor.shape[1]
        for name, tensor in header.tensors.items()
        if "attn2" in name
        and "to_k" in name
        and ("lora_down" in name or "lora_A" in name)
        and len(tensor.shape) > 1
    }
    if widths == {768}:
        return Family.SD15
    return Family.SDXL if widths == {2048} else Family.UNKNOWN


def _unknown_family(_header: SafetensorsHeader) -> Family:
    return Family.UNKNOWN


LAYOUTS: Final = (
    Layout(
        Kind.CONTROLNET,
        lambda header: _any_name(header, ["controlnet_cond_embedding.", "input_hint_block."]),
        _unknown_family,
    ),
    Layout(
        Kind.LORA, lambda header: _any_name(header, [".lora_down.", ".lora_A.", ".lora.down."]), _lora_family
    ),
    Layout(Kind.CHECKPOINT, _is_checkpoint, _checkpoint_family),
    Layout(
        Kind.VAE,
        lambda header: (
            "decoder.conv_in.weight" in header.tensors and "encoder.conv_in.weight" in header.tensors
        ),
        _unknown_family,
    ),
    Layout(
        Kind.EMBEDDING,
        lambda header: bool(header.tensors) and set(header.tensors) <= {"emb_params", "clip_l", "clip_g"},
        _unknown_family,
    ),
)
