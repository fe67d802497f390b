"""Checkpoints in one ``.safetensors`` file of the original Stable Diffusion (XL) layout.

Such a file carries neither configurations nor a tokenizer. They are read off the tensors' shapes and taken
from CLIP; a folder ``<stem>.config/`` beside the file, laid out like a diffusers folder without weights,
overrides any of them: ``unet/config.json``, ``vae/config.json``, ``text_encoder/config.json``,
``scheduler/scheduler_config.json``, ``tokenizer/`` and ``preview.json``, for SDXL also
``text_encoder_2/config.json`` and ``tokenizer_2/``. The ``modelspec.*`` metadata of the file itself is heeded
too.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from generation.engine.checkpoints import infer
from generation.engine.checkpoints.families import FAMILIES, FAMILY_NAMES, Component, Family
from generation.engine.checkpoints.header import Header, corrupt, header_read
from generation.engine.checkpoints.info import (
    CheckpointInfo,
    Parts,
    Tensors,
    TokenizerSource,
    json_read_if_present,
    native_size,
    require_text_to_image,
    unsupported,
)
from generation.engine.checkpoints.sources import SOURCES, Source

_XL_TEXT: Final = "conditioner.embedders."
_XL_REFINER_TEXT: Final = "conditioner.embedders.0.model."
"""The refiner has SDXL's second text encoder only, in the first one's place."""
OPEN_CLIP_PAD: Final = 0
"""SDXL's second encoder was trained on texts filled up with token 0, CLIP's exclamation mark."""
_FAMILY_SIGNS: Final[tuple[tuple[str, Family], ...]] = (
    (_XL_TEXT, "sdxl"),
    ("cond_stage_model.model.", "sd2"),
    ("model.diffusion_model.joint_blocks.", "sd3"),
    ("joint_blocks.", "sd3"),
    ("model.diffusion_model.double_blocks.", "flux"),
    ("double_blocks.", "flux"),
)
_OTHER_KINDS: Final[tuple[tuple[str, str], ...]] = (
    ("lora_", "it is a LoRA, an addition to a checkpoint"),
    ("control_model.", "it is a ControlNet, an addition to a checkpoint"),
    ("decoder.", "it is a VAE, one part of a checkpoint"),
    ("first_stage_model.", "it is a VAE, one part of a checkpoint"),
)


def matches(path: Path) -> bool:
    return not path.is_dir()


def inspect(path: Path) -> CheckpointInfo:
    """The identity card from the file's header; weights are not read."""
    header = header_read(path)
    family = _family(path, header)
    if family not in FAMILIES:
        return CheckpointInfo(family=family, prediction_type=_prediction_type(header), native_size=1024)
    configs, scheduler = _configs(path, header, family)
    return _info(family, configs, scheduler)


def open_parts(path: Path) -> Parts:
    """Infer or read the configurations and promise the weights.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsupported``, ``model_unsafe`` or
    ``model_corrupt``.
    """
    info = inspect(path)
    info.require_runnable(path)
    configs, scheduler = _configs(path, header_read(path), info.family)
    require_text_to_image(path, configs["unet"], scheduler)
    sources = SOURCES[info.family]
    return Parts(
        info=info,
        configs=configs,
        scheduler_config=scheduler,
        read=lambda component: _read(path, sources[component], configs[component]),
        tokenizers=_tokenizers(_sidecar(path), info.family),
        preview=json_read_if_present(_sidecar(path) / "preview.json"),
        # The file does not say; SDXL and what was made from it was trained like this.
        zeros_for_empty_negative=info.family == "sdxl",
    )


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".config")


def _tokenizers(sidecar: Path, family: Family) -> dict[Component, TokenizerSource]:
    first, second = (sidecar / name for name in ("tokenizer", "tokenizer_2"))
    shared = first if first.is_dir() else None
    sources: dict[Component, TokenizerSource] = {"text_encoder": TokenizerSource(shared)}
    if family == "sdxl":
        own = TokenizerSource(second) if second.is_dir() else TokenizerSource(shared, pad=OPEN_CLIP_PAD)
        sources["text_encoder_2"] = own
    return sources


def _family(path: Path, header: Header) -> Family:
    """By its signs; raises ``EngineError("model_unsupported")`` when a part of the family is not there."""
    found: list[Family] = [family for sign, family in _FAMILY_SIGNS if _any_name(header, sign)]
    family = found[0] if found else "sd15"
    if _any_name(header, _XL_REFINER_TEXT):
        raise unsupported(path, "it is SDXL's refiner, which can only finish another model's pictures")
    for source in SOURCES[family].values() if family in SOURCES else ():
        if not source.shapes(header.shapes):
            raise unsupported(path, _what_else(header, family, missing=source.prefixes[-1]))
    return family


def _any_name(header: Header, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in header.shapes)


def _what_else(header: Header, family: Family, *, missing: str) -> str:
    for sign, description in _OTHER_KINDS:
        if all(
            name.startswith((sign, "encoder.", "quant_conv", "post_quant_conv")) for name in header.shapes
        ):
            return description
    return f"it has no tensors named {missing}*, so it is not a whole checkpoint of {FAMILY_NAMES[family]}"


def _configs(
    path: Path, header: Header, family: Family
) -> tuple[dict[Component, dict[str, Any]], dict[str, Any]]:
    sidecar = _sidecar(path)
    try:
        configs = {
            name: source.config(source.shapes(header.shapes)) for name, source in SOURCES[family].items()
        }
    except infer.IndescribableError as error:
        raise unsupported(path, str(error)) from error
    except (KeyError, IndexError, ValueError) as error:
        raise corrupt(path, f"a tensor of the Stable Diffusion layout is missing ({error})") from error
    if size := _native_size_said(header):
        configs["unet"]["sample_size"] = size // 2 ** (len(configs["vae"]["block_out_channels"]) - 1)
    for name, config in configs.items():
        config.update(json_read_if_present(sidecar / name / "config.json") or {})
    scheduler = infer.scheduler_config(
        _prediction_type(header), family, zero_terminal_snr="ztsnr" in header.shapes
    )
    scheduler.update(json_read_if_present(sidecar / "scheduler/scheduler_config.json") or {})
    return configs, scheduler


def _info(
    family: Family, configs: Mapping[Component, Mapping[str, Any]], scheduler: Mapping[str, Any]
) -> CheckpointInfo:
    return CheckpointInfo(
        family=family,
        prediction_type=str(scheduler.get("prediction_type") or "epsilon"),
        native_size=native_size(configs["unet"], configs["vae"]),
    )


def _prediction_type(header: Header) -> str:
    """What the file says, by ModelSpec metadata or by the marker tensor that v-prediction models carry."""
    said = header.metadata.get("modelspec.prediction_type", "").lower()
    return "v_prediction" if said in {"v", "v_prediction"} or "v_pred" in header.shapes else "epsilon"


def _native_size_said(header: Header) -> int | None:
    match = re.fullmatch(r"(\d{2,4})(?:x\d+)?", header.metadata.get("modelspec.resolution", ""))
    return int(match[1]) if match else None


def _read(path: Path, source: Source, config: Mapping[str, Any]) -> Tensors:
    from safetensors import safe_open

    translate = source.translate(config)
    with safe_open(path, framework="pt", device="cpu") as stream:
        for name in stream.keys():  # noqa: SIM118 - not a mapping
            stripped = source.strip(name)
            if stripped is not None:
                yield from translate(stripped, stream.get_tensor(name))
