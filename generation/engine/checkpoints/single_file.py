"""Checkpoints in one ``.safetensors`` file of the original Stable Diffusion layouts.

Such a file carries neither configurations nor a tokenizer. They are read off the tensors' shapes and taken
from CLIP; a folder ``<stem>.config/`` beside the file, laid out like a diffusers folder without weights,
overrides any of them: ``unet/config.json``, ``vae/config.json``, ``text_encoder/config.json``,
``scheduler/scheduler_config.json``, ``tokenizer/`` and ``preview.json``, for SDXL also
``text_encoder_2/config.json`` and ``tokenizer_2/``. The ``modelspec.*`` metadata of the file itself is heeded
too. SD3 and Flux are in ``flow_file``.
"""

import re
from pathlib import Path
from typing import Any, Final

from generation.engine.checkpoints import flow_file, infer
from generation.engine.checkpoints.companions import sidecar
from generation.engine.checkpoints.families import (
    FAMILIES,
    FAMILY_NAMES,
    FLOW_FAMILIES,
    REFINER_COMPONENTS,
    Component,
    Family,
)
from generation.engine.checkpoints.header import Header, header_read
from generation.engine.checkpoints.info import (
    CheckpointInfo,
    Parts,
    TokenizerSource,
    is_inpainting,
    json_read_if_present,
    native_size,
    require_known_inputs,
    unsupported,
)
from generation.engine.checkpoints.open_clip import REFINER_PREFIX
from generation.engine.checkpoints.reading import described, require_plain, source_read
from generation.engine.checkpoints.sources import unet_sources

_XL_TEXT: Final = "conditioner.embedders."
OPEN_CLIP_PAD: Final = 0
"""The text encoders of open_clip were trained on texts filled up with token 0, CLIP's exclamation mark."""
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
    if family in FLOW_FAMILIES:
        return flow_file.inspect(path, header, family)
    configs, scheduler = _configs(path, header, family)
    return CheckpointInfo(
        family=family,
        prediction_type=str(scheduler.get("prediction_type") or "epsilon"),
        native_size=native_size(configs["unet"], configs["vae"], family),
        inpainting=is_inpainting(configs["unet"], configs["vae"]),
        refiner=_is_refiner(header),
    )


def open_parts(path: Path) -> Parts:
    """Infer or read the configurations and promise the weights.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsupported``, ``model_unsafe``,
    ``model_corrupt`` or ``model_incomplete``.
    """
    info = inspect(path)
    if info.family in FLOW_FAMILIES:
        return flow_file.open_parts(path, info.family)
    header = header_read(path)
    require_plain(path, header)
    configs, scheduler = _configs(path, header, info.family)
    require_known_inputs(path, configs["unet"], configs["vae"], scheduler)
    sources = unet_sources(info.family, refiner=info.refiner)
    return Parts(
        info=info,
        components=REFINER_COMPONENTS if info.refiner else FAMILIES[info.family].components,
        configs=configs,
        scheduler_config=scheduler,
        read=lambda component: source_read(path, sources[component], configs[component]),
        tokenizers=_tokenizers(sidecar(path), info),
        preview=json_read_if_present(sidecar(path) / "preview.json"),
        # The file does not say; SDXL and what was made from it was trained like this.
        zeros_for_empty_negative=info.family == "sdxl" and not info.refiner,
    )


def _tokenizers(folder: Path, info: CheckpointInfo) -> dict[Component, TokenizerSource]:
    first, second = (folder / name for name in ("tokenizer", "tokenizer_2"))
    shared = first if first.is_dir() else None
    big = TokenizerSource(second) if second.is_dir() else TokenizerSource(shared, pad=OPEN_CLIP_PAD)
    if info.refiner:
        return {"text_encoder_2": big}
    if info.family == "sd2":
        return {"text_encoder": TokenizerSource(shared, pad=OPEN_CLIP_PAD if shared is None else None)}
    sources: dict[Component, TokenizerSource] = {"text_encoder": TokenizerSource(shared)}
    return sources | {"text_encoder_2": big} if info.family == "sdxl" else sources


def _family(path: Path, header: Header) -> Family:
    """By its signs; raises ``EngineError("model_unsupported")`` when a part of the family is not there."""
    found: list[Family] = [family for sign, family in _FAMILY_SIGNS if _any_name(header, sign)]
    family = found[0] if found else "sd15"
    for source in unet_sources(family, refiner=_is_refiner(header)).values():
        if not source.shapes(header.shapes):
            raise unsupported(path, _what_else(header, family, missing=source.prefixes[-1]))
    return family


def _is_refiner(header: Header) -> bool:
    return _any_name(header, REFINER_PREFIX)


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
    sources = unet_sources(family, refiner=_is_refiner(header))
    configs = {name: described(path, source, header) for name, source in sources.items()}
    if size := _native_size_said(header):
        configs["unet"]["sample_size"] = size // 2 ** (len(configs["vae"]["block_out_channels"]) - 1)
    for name, config in configs.items():
        config.update(json_read_if_present(sidecar(path) / name / "config.json") or {})
    scheduler = infer.scheduler_config(
        _prediction_type(header, family), family, zero_terminal_snr="ztsnr" in header.shapes
    )
    scheduler.update(json_read_if_present(sidecar(path) / "scheduler/scheduler_config.json") or {})
    return configs, scheduler


def _prediction_type(header: Header, family: Family) -> str:
    """What the file says, by ModelSpec metadata or by the marker tensor that v-prediction models carry.

    One of Stable Diffusion 2.x that says nothing predicts velocity: most do, and their shapes are all alike.
    """
    said = header.metadata.get("modelspec.prediction_type", "").lower()
    velocity = said in {"v", "v_prediction"} or "v_pred" in header.shapes or (family == "sd2" and not said)
    return "v_prediction" if velocity else "epsilon"


def _native_size_said(header: Header) -> int | None:
    match = re.fullmatch(r"(\d{2,4})(?:x\d+)?", header.metadata.get("modelspec.resolution", ""))
    return int(match[1]) if match else None
