"""Checkpoints in one ``.safetensors`` file of the original Stable Diffusion layout.

Such a file carries neither configurations nor a tokenizer. They are read off the tensors' shapes and taken
from CLIP; a folder ``<stem>.config/`` beside the file, laid out like a diffusers folder without weights,
overrides any of them: ``unet/config.json``, ``vae/config.json``, ``text_encoder/config.json``,
``scheduler/scheduler_config.json``, ``tokenizer/`` and ``preview.json``. The ``modelspec.*`` metadata of
the file itself is heeded too.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from generation.engine.checkpoints import infer, ldm_layout
from generation.engine.checkpoints.header import Header, Shape, corrupt, header_read
from generation.engine.checkpoints.info import (
    CheckpointInfo,
    Component,
    Family,
    Parts,
    Tensors,
    json_read_if_present,
    native_size,
    require_text_to_image,
    unsupported,
)

_FAMILY_SIGNS: Final[tuple[tuple[str, Family], ...]] = (
    ("conditioner.embedders.", "sdxl"),
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

_NAMING: Final[
    Mapping[Component, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Iterable[ldm_layout.Pair]]]]
] = {
    "unet": ((ldm_layout.UNET_PREFIX,), ldm_layout.unet_pairs),
    "vae": ((ldm_layout.VAE_PREFIX,), ldm_layout.vae_pairs),
    "text_encoder": (ldm_layout.TEXT_PREFIXES, lambda _config: ()),
}
"""Where a component's tensors are in the file, and how its names differ from diffusers'."""


def matches(path: Path) -> bool:
    return not path.is_dir()


def inspect(path: Path) -> CheckpointInfo:
    """The identity card from the file's header; weights are not read."""
    header = header_read(path)
    family = _family(path, header)
    if family != "sd15":
        return CheckpointInfo(family=family, prediction_type=_prediction_type(header), native_size=1024)
    configs, scheduler = _configs(path, header)
    return _info(configs, scheduler)


def open_parts(path: Path) -> Parts:
    """Infer or read the configurations and promise the weights.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsupported``, ``model_unsafe`` or
    ``model_corrupt``.
    """
    inspect(path).require_runnable(path)
    header = header_read(path)
    configs, scheduler = _configs(path, header)
    require_text_to_image(path, configs["unet"])
    sidecar = _sidecar(path)
    return Parts(
        info=_info(configs, scheduler),
        configs=configs,
        scheduler_config=scheduler,
        read=lambda component: _read(path, component, configs[component]),
        tokenizer=sidecar / "tokenizer" if (sidecar / "tokenizer").is_dir() else None,
        preview=json_read_if_present(sidecar / "preview.json"),
    )


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".config")


def _family(path: Path, header: Header) -> Family:
    for sign, family in _FAMILY_SIGNS:
        if any(name.startswith(sign) for name in header.shapes):
            return family
    for prefix in (ldm_layout.UNET_PREFIX, ldm_layout.VAE_PREFIX, ldm_layout.TEXT_PREFIXES[-1]):
        if not any(name.startswith(prefix) for name in header.shapes):
            raise unsupported(path, _what_else(header, missing=prefix))
    return "sd15"


def _what_else(header: Header, *, missing: str) -> str:
    for sign, description in _OTHER_KINDS:
        if all(
            name.startswith((sign, "encoder.", "quant_conv", "post_quant_conv")) for name in header.shapes
        ):
            return description
    return f"it has no tensors named {missing}*, so it is not a whole checkpoint"


def _configs(path: Path, header: Header) -> tuple[dict[Component, dict[str, Any]], dict[str, Any]]:
    sidecar = _sidecar(path)
    try:
        configs: dict[Component, dict[str, Any]] = {
            "unet": infer.unet_config(_component_shapes(header, (ldm_layout.UNET_PREFIX,))),
            "vae": infer.vae_config(_component_shapes(header, (ldm_layout.VAE_PREFIX,))),
            "text_encoder": infer.text_config(_component_shapes(header, ldm_layout.TEXT_PREFIXES)),
        }
    except (KeyError, IndexError, ValueError) as error:
        raise corrupt(path, f"a tensor of the Stable Diffusion layout is missing ({error})") from error
    if size := _native_size_said(header):
        configs["unet"]["sample_size"] = size // 2 ** (len(configs["vae"]["block_out_channels"]) - 1)
    for name, config in configs.items():
        config.update(json_read_if_present(sidecar / name / "config.json") or {})
    scheduler = infer.scheduler_config(_prediction_type(header))
    scheduler.update(json_read_if_present(sidecar / "scheduler/scheduler_config.json") or {})
    return configs, scheduler


def _component_shapes(header: Header, prefixes: tuple[str, ...]) -> Mapping[str, Shape]:
    shapes: dict[str, Shape] = {}
    for name, shape in header.shapes.items():
        stripped = _strip(name, prefixes)
        if stripped is not None:
            shapes[stripped] = shape
    return shapes


def _strip(name: str, prefixes: tuple[str, ...]) -> str | None:
    for prefix in prefixes:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return None


def _info(configs: Mapping[Component, Mapping[str, Any]], scheduler: Mapping[str, Any]) -> CheckpointInfo:
    return CheckpointInfo(
        family="sd15",
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


def _read(path: Path, component: Component, config: Mapping[str, Any]) -> Tensors:
    from safetensors import safe_open

    prefixes, pairs = _NAMING[component]
    translate = ldm_layout.translator(pairs(config))
    with safe_open(path, framework="pt", device="cpu") as stream:
        for name in stream.keys():  # noqa: SIM118 - not a mapping
            stripped = _strip(name, prefixes)
            if stripped is not None:
                yield translate(stripped), stream.get_tensor(name)
