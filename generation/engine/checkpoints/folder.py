"""Checkpoints as diffusers folders. Inspecting one needs no torch; reading its weights does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from generation.engine.checkpoints.families import FAMILIES, Component, Family
from generation.engine.checkpoints.header import PICKLE_SUFFIXES, corrupt, header_read, refuse_pickle
from generation.engine.checkpoints.info import (
    CheckpointInfo,
    Parts,
    Tensors,
    TokenizerSource,
    json_read,
    json_read_if_present,
    native_size,
    require_text_to_image,
    unsupported,
)

_FAMILY_BY_PIPELINE: Final[Mapping[str, Family]] = {
    "StableDiffusionPipeline": "sd15",
    "StableDiffusionXLPipeline": "sdxl",
    "StableDiffusion3Pipeline": "sd3",
    "FluxPipeline": "flux",
}
_TOKENIZERS: Final[Mapping[Component, str]] = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}
_OLD_ATTENTION_NAMES: Final = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""VAEs saved before diffusers 0.18, the published SD1.5 among them, name their attention like this."""


def matches(path: Path) -> bool:
    return path.is_dir()


def inspect(path: Path) -> CheckpointInfo:
    """The identity card from the folder's JSON files; weights are not looked at."""
    index = path / "model_index.json"
    if not index.is_file():
        raise unsupported(path, "the folder has no model_index.json, so it is not a diffusers checkpoint")
    family = _FAMILY_BY_PIPELINE.get(str(json_read(index).get("_class_name")), "unknown")
    scheduler = json_read_if_present(path / "scheduler/scheduler_config.json") or {}
    unet = json_read_if_present(path / "unet/config.json") or {}
    vae = json_read_if_present(path / "vae/config.json") or {"block_out_channels": [0] * 4}
    return CheckpointInfo(
        family=family,
        prediction_type=str(scheduler.get("prediction_type") or "epsilon"),
        native_size=native_size(unet, vae),
    )


def open_parts(path: Path) -> Parts:
    """Read the configurations, verify every weight file's header and promise the weights.

    Raises ``EngineError`` with code ``model_unsupported``, ``model_unsafe`` or ``model_corrupt``.
    """
    info = inspect(path)
    info.require_runnable(path)
    components = FAMILIES[info.family].components
    configs = {name: _config(path, name) for name in components}
    scheduler = json_read(path / "scheduler/scheduler_config.json")
    require_text_to_image(path, configs["unet"], scheduler)
    files = {name: _weight_files(path / name) for name in components}
    for file in (file for component_files in files.values() for file in component_files):
        header_read(file)
    return Parts(
        info=info,
        configs=configs,
        scheduler_config=scheduler,
        read=lambda component: _read(files[component], component),
        tokenizers={
            encoder: TokenizerSource(path / folder)
            for encoder, folder in _TOKENIZERS.items()
            if encoder in components
        },
        preview=json_read_if_present(path / "preview.json"),
        zeros_for_empty_negative=info.family == "sdxl"
        and bool(json_read(path / "model_index.json").get("force_zeros_for_empty_prompt", True)),
    )


def _config(path: Path, component: Component) -> dict[str, Any]:
    config = path / component / "config.json"
    if not config.is_file():
        raise corrupt(path, f"it has no {component}/config.json")
    return json_read(config)


def _weight_files(component: Path) -> list[Path]:
    """The safetensors files of a component: the shards of its index, or one file, a full one if possible."""
    found = sorted(component.glob("*.safetensors"), key=lambda file: (file.name.count("."), file.name))
    indexes = sorted(component.glob("*.safetensors.index.json"))
    if indexes:
        return [_shard(component, name) for name in sorted(_shard_names(json_read(indexes[0])))]
    if found:
        return found[:1]
    for file in component.glob("*"):
        if file.suffix.lower() in PICKLE_SUFFIXES:
            refuse_pickle(file)
    raise corrupt(component, "it holds no .safetensors weights")


def _shard_names(index: dict[str, Any]) -> set[str]:
    return {str(name) for name in dict(index.get("weight_map") or {}).values()}


def _shard(component: Path, name: str) -> Path:
    # An index is a stranger's file: a shard name must not lead out of the folder.
    if Path(name).name != name:
        raise corrupt(component, f"its index names a shard outside the folder ({name})")
    return component / name


def _read(files: list[Path], component: Component) -> Tensors:
    from safetensors import safe_open

    for file in files:
        with safe_open(file, framework="pt", device="cpu") as stream:
            for name in stream.keys():  # noqa: SIM118 - not a mapping
                yield _canonical(name, component), stream.get_tensor(name)


def _canonical(name: str, component: Component) -> str:
    if component == "text_encoder":
        return name.removeprefix("text_model.")
    if component == "vae" and ".attentions." in name:
        module, _, parameter = name.rpartition(".")
        parent, _, leaf = module.rpartition(".")
        return f"{parent}.{_OLD_ATTENTION_NAMES.get(leaf, leaf)}.{parameter}"
    return name
