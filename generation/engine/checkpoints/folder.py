"""Checkpoints as diffusers folders. Inspecting one needs no torch; reading its weights does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from generation.engine.checkpoints.component_folder import component_config, component_files, component_read
from generation.engine.checkpoints.families import (
    FAMILIES,
    FLOW_FAMILIES,
    REFINER_COMPONENTS,
    Component,
    Family,
    Kind,
)
from generation.engine.checkpoints.info import (
    CheckpointInfo,
    Parts,
    TokenizerSource,
    is_inpainting,
    json_read,
    json_read_if_present,
    native_size,
    require_known_inputs,
    unsupported,
)

_FAMILY_BY_PIPELINE: Final[Mapping[str, Family]] = {
    "StableDiffusionPipeline": "sd15",
    "StableDiffusionImg2ImgPipeline": "sd15",
    "StableDiffusionInpaintPipeline": "sd15",
    "StableDiffusionXLPipeline": "sdxl",
    "StableDiffusionXLImg2ImgPipeline": "sdxl",
    "StableDiffusionXLInpaintPipeline": "sdxl",
    "StableDiffusion3Pipeline": "sd3",
    "StableDiffusion3Img2ImgPipeline": "sd3",
    "StableDiffusion3InpaintPipeline": "sd3",
    "FluxPipeline": "flux",
    "FluxImg2ImgPipeline": "flux",
    "FluxInpaintPipeline": "flux",
    "FluxFillPipeline": "flux",
}
_UNKNOWN_VAE: Final[Mapping[str, Any]] = {"block_out_channels": [0] * 4}


def matches(path: Path) -> bool:
    return path.is_dir()


def inspect(path: Path) -> CheckpointInfo:
    """The identity card from the folder's JSON files; weights are not looked at."""
    index = path / "model_index.json"
    if not index.is_file():
        raise unsupported(path, "the folder has no model_index.json, so it is not a diffusers checkpoint")
    said = json_read(index)
    family = _FAMILY_BY_PIPELINE.get(str(said.get("_class_name")), "unknown")
    flow = family in FLOW_FAMILIES
    scheduler = json_read_if_present(path / "scheduler/scheduler_config.json") or {}
    denoiser = json_read_if_present(path / f"{'transformer' if flow else 'unet'}/config.json") or {}
    vae = json_read_if_present(path / "vae/config.json") or dict(_UNKNOWN_VAE)
    return CheckpointInfo(
        family=family,
        prediction_type="flow" if flow else str(scheduler.get("prediction_type") or "epsilon"),
        native_size=native_size(denoiser, vae, family),
        inpainting=is_inpainting(denoiser, vae),
        refiner=family == "sdxl" and bool(said.get("requires_aesthetics_score")),
    )


def open_parts(path: Path) -> Parts:
    """Read the configurations, verify every weight file's header and promise the weights.

    Raises ``EngineError`` with code ``model_unsupported``, ``model_unsafe`` or ``model_corrupt``.
    """
    info = inspect(path)
    info.require_runnable(path)
    components = _components(path, info)
    configs = {name: component_config(path, name) for name in components}
    scheduler = json_read(path / "scheduler/scheduler_config.json")
    if "unet" in configs:
        require_known_inputs(path, configs["unet"], configs["vae"], scheduler)
    files = {name: component_files(path / name) for name in components}
    return Parts(
        info=info,
        components=components,
        configs=configs,
        scheduler_config=scheduler,
        read=lambda component: component_read(files[component], components[component]),
        tokenizers={
            name: TokenizerSource(path / name.replace("text_encoder", "tokenizer"))
            for name in components
            if name.startswith("text_encoder")
        },
        preview=json_read_if_present(path / "preview.json"),
        zeros_for_empty_negative=info.family == "sdxl"
        and bool(json_read(path / "model_index.json").get("force_zeros_for_empty_prompt", True)),
    )


def _components(path: Path, info: CheckpointInfo) -> dict[Component, Kind]:
    facts = FAMILIES[info.family]
    whole = REFINER_COMPONENTS if info.refiner else facts.components
    return {
        name: kind for name, kind in whole.items() if name not in facts.optional or (path / name).is_dir()
    }
