"""What can be said about a checkpoint before its weights are read. Needs no torch."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generation.engine.checkpoints.families import FAMILIES, FAMILY_NAMES, Component, Family
from generation.engine.checkpoints.header import corrupt
from generation.engine.errors import EngineError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointInfo:
    """A checkpoint's identity card."""

    family: Family
    prediction_type: str
    """``epsilon``, ``v_prediction`` or ``sample``."""
    native_size: int
    """Side in pixels that the model was trained at."""

    def require_runnable(self, path: Path) -> None:
        """Raise ``EngineError("model_unsupported")`` for a family that this engine cannot run."""
        if self.family not in FAMILIES:
            raise unsupported(path, f"it is {FAMILY_NAMES[self.family]}")


Tensors = Iterator[tuple[str, "torch.Tensor"]]


@dataclass(frozen=True, slots=True)
class TokenizerSource:
    """Where a text encoder's tokenizer comes from."""

    folder: Path | None
    """A folder with ``vocab.json`` and ``merges.txt``, or None for CLIP's own vocabulary."""
    pad: int | None = None
    """The token that fills a chunk up, where it is not the one that the tokenizer itself names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a checkpoint consists of, in diffusers' terms, whatever its layout on disk."""

    info: CheckpointInfo
    configs: Mapping[Component, Mapping[str, Any]]
    scheduler_config: Mapping[str, Any]
    read: Callable[[Component], Tensors]
    """Parameters of one component under diffusers' names, in the file's dtype; read lazily."""
    tokenizers: Mapping[Component, TokenizerSource]
    """One per text encoder."""
    preview: Mapping[str, Any] | None
    """The content of ``preview.json``, if the checkpoint comes with one."""
    zeros_for_empty_negative: bool = False
    """Trained with zeros where there is no text (SDXL's ``force_zeros_for_empty_prompt``)."""


def json_read(path: Path) -> dict[str, Any]:
    """A JSON object from a file; raises ``EngineError("model_corrupt")`` for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise corrupt(path, "it is missing or unreadable") from error
    except ValueError as error:
        raise corrupt(path, "it is not valid JSON") from error
    if not isinstance(content, dict):
        raise corrupt(path, "it is not a JSON object")
    return content


def json_read_if_present(path: Path) -> dict[str, Any] | None:
    return json_read(path) if path.is_file() else None


def native_size(unet_config: Mapping[str, Any], vae_config: Mapping[str, Any]) -> int:
    """Pixels on a side: the U-Net's latent side times the VAE's scale."""
    levels = len(vae_config["block_out_channels"])
    return int(unet_config.get("sample_size") or 64) << (levels - 1)


def require_text_to_image(
    path: Path, unet_config: Mapping[str, Any], scheduler_config: Mapping[str, Any]
) -> None:
    """Raise ``EngineError("model_unsupported")`` for U-Nets that want what no request gives.

    Inpainting U-Nets (9 channels) see a mask and a picture too, which every request can be given. Refused are
    editing U-Nets (8) and those of another noise schedule.
    """
    channels = unet_config.get("in_channels", 4)
    if channels not in (4, 9):
        raise unsupported(path, f"its U-Net wants {channels} input channels, not 4 or 9")
    scheduler = str(scheduler_config.get("_class_name"))
    if scheduler.startswith(("EDM", "FlowMatch")):
        raise unsupported(path, f"its noise schedule is of another kind ({scheduler})")


def unsupported(path: Path, why: str) -> EngineError:
    return EngineError(
        "model_unsupported",
        f"{path.name} cannot be used: {why}.",
        hint="Choose a Stable Diffusion 1.x or XL checkpoint: a diffusers folder or one .safetensors file.",
    )
