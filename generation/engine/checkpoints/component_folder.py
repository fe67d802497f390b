"""One component as diffusers saves it: a folder with ``config.json`` and ``.safetensors`` weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from generation.engine.checkpoints.families import Kind
from generation.engine.checkpoints.header import PICKLE_SUFFIXES, corrupt, header_read, refuse_pickle
from generation.engine.checkpoints.info import Tensors, json_read

_OLD_ATTENTION_NAMES: Final = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""VAEs saved before diffusers 0.18, the published SD1.5 among them, name their attention like this."""


def component_config(root: Path, component: str) -> dict[str, Any]:
    """The configuration of ``root/component``; raises ``EngineError("model_corrupt")``."""
    config = root / component / "config.json"
    if not config.is_file():
        raise corrupt(root, f"it has no {component}/config.json")
    return json_read(config)


def component_files(folder: Path) -> list[Path]:
    """The safetensors files of a component, their headers verified: the shards of an index, or one file.

    Where there are several, one in full precision is preferred: its name has the fewest dots. Raises
    ``EngineError`` with code ``model_unsafe`` or ``model_corrupt``.
    """
    files = _chosen(folder)
    for file in files:
        header_read(file)
    return files


def _chosen(folder: Path) -> list[Path]:
    # Variants of an index are named model.safetensors.index.fp16.json.
    indexes = sorted(folder.glob("*.safetensors.index*.json"), key=_dots)
    sharded = [[_shard(folder, name) for name in sorted(_shard_names(json_read(index)))] for index in indexes]
    for shards in sharded:
        if all(shard.is_file() for shard in shards):
            return shards
    parts = {shard for shards in sharded for shard in shards}
    whole = sorted((file for file in folder.glob("*.safetensors") if file not in parts), key=_dots)
    if whole:
        return whole[:1]
    if sharded:
        return sharded[0]  # whose missing shard will be named
    for file in folder.glob("*"):
        if file.suffix.lower() in PICKLE_SUFFIXES:
            refuse_pickle(file)
    raise corrupt(folder, "it holds no .safetensors weights")


def _dots(file: Path) -> tuple[int, str]:
    return file.name.count("."), file.name


def _shard_names(index: Mapping[str, Any]) -> set[str]:
    return {str(name) for name in dict(index.get("weight_map") or {}).values()}


def _shard(component: Path, name: str) -> Path:
    # An index is a stranger's file: a shard name must not lead out of the folder.
    if Path(name).name != name:
        raise corrupt(component, f"its index names a shard outside the folder ({name})")
    return component / name


def component_read(files: list[Path], kind: Kind) -> Tensors:
    """The component's parameters under today's names, in the files' dtype."""
    from safetensors import safe_open

    for file in files:
        with safe_open(file, framework="pt", device="cpu") as stream:
            for name in stream.keys():  # noqa: SIM118 - not a mapping
                yield _canonical(name, kind), stream.get_tensor(name)


def _canonical(name: str, kind: Kind) -> str:
    if kind == "clip":
        return name.removeprefix("text_model.")
    if kind == "t5" and name == "encoder.embed_tokens.weight":
        return "shared.weight"  # one matrix under two names, of which a file needs only one
    if kind == "autoencoder" and ".attentions." in name:
        module, _, parameter = name.rpartition(".")
        parent, _, leaf = module.rpartition(".")
        return f"{parent}.{_OLD_ATTENTION_NAMES.get(leaf, leaf)}.{parameter}"
    return name
