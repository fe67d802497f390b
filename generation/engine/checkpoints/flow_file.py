"""SD3 and Flux in one ``.safetensors`` file of their original layouts, companions where they are left out.

Such a file holds the transformer, often the VAE and sometimes the text encoders; ``companions`` says where
the rest is looked for. What ``<stem>.config/`` says in ``<component>/config.json``, ``scheduler/``,
``tokenizer*/`` and ``preview.json`` goes before what the shapes show.
"""

from pathlib import Path
from typing import Any, Final

from generation.engine.checkpoints import infer_flow
from generation.engine.checkpoints.companions import Companion, companion_find, companion_hint, sidecar
from generation.engine.checkpoints.families import FAMILIES, FAMILY_NAMES, Component, Family
from generation.engine.checkpoints.header import Header, header_read
from generation.engine.checkpoints.info import (
    CheckpointInfo,
    Parts,
    TokenizerSource,
    incomplete,
    is_inpainting,
    json_read_if_present,
    native_size,
)
from generation.engine.checkpoints.reading import described, require_plain, source_read
from generation.engine.checkpoints.sources import Source, flow_sources

BIG_CLIP_PAD: Final = 0
"""CLIP bigG was trained on texts filled up with token 0, the exclamation mark."""
_FOUR_LEVELS: Final = {"block_out_channels": [0] * 4}


def inspect(path: Path, header: Header, family: Family) -> CheckpointInfo:
    """The identity card, which needs the transformer alone."""
    config = _config(path, "transformer", flow_sources(family, header.shapes)["transformer"], header)
    return CheckpointInfo(
        family=family,
        prediction_type="flow",
        native_size=native_size(config, _FOUR_LEVELS, family),
        inpainting=is_inpainting(config, {}),
    )


def open_parts(path: Path, family: Family) -> Parts:
    """Find every part and promise its weights.

    Raises ``EngineError("model_incomplete")`` for parts that are nowhere, and what a part's file raises.
    """
    header = header_read(path)
    require_plain(path, header)
    found = _parts(path, header, family)
    transformer = found["transformer"].config
    scheduler = infer_flow.flow_scheduler(family, transformer)
    scheduler |= json_read_if_present(sidecar(path) / "scheduler/scheduler_config.json") or {}
    kinds = FAMILIES[family].components
    return Parts(
        info=inspect(path, header, family),
        components={name: kinds[name] for name in found},
        configs={name: part.config for name, part in found.items()},
        scheduler_config=scheduler,
        read=lambda component: found[component].read(),
        tokenizers=_tokenizers(path, {name for name in found if name.startswith("text_encoder")}, family),
        preview=json_read_if_present(sidecar(path) / "preview.json"),
    )


def _parts(path: Path, header: Header, family: Family) -> dict[Component, Companion]:
    found: dict[Component, Companion] = {}
    missing: list[Component] = []
    sources = flow_sources(family, header.shapes)
    for component in FAMILIES[family].components:
        part = _inside(path, component, sources[component], header) or companion_find(path, family, component)
        if part is not None:
            found[component] = part
        elif component not in FAMILIES[family].optional:
            missing.append(component)
    if missing:
        raise incomplete(
            path,
            f"for {FAMILY_NAMES[family]} its {', '.join(missing)} must lie beside it",
            hint=companion_hint(path, family, missing),
        )
    return found


def _inside(path: Path, component: Component, source: Source, header: Header) -> Companion | None:
    if not source.shapes(header.shapes):
        return None
    config = _config(path, component, source, header)
    return Companion(config, lambda: source_read(path, source, config))


def _config(path: Path, component: Component, source: Source, header: Header) -> dict[str, Any]:
    config = described(path, source, header)
    return config | (json_read_if_present(sidecar(path) / component / "config.json") or {})


def _tokenizers(path: Path, encoders: set[Component], family: Family) -> dict[Component, TokenizerSource]:
    def own(name: str) -> Path | None:
        folder = sidecar(path) / name
        return folder if folder.is_dir() else None

    sources: dict[Component, TokenizerSource] = {}
    for encoder in encoders:
        folder = own(encoder.replace("text_encoder", "tokenizer"))
        big_clip = family == "sd3" and encoder == "text_encoder_2"
        if big_clip and folder is None:
            sources[encoder] = TokenizerSource(own("tokenizer"), pad=BIG_CLIP_PAD)
        else:
            sources[encoder] = TokenizerSource(folder)
    return sources
