"""What can be said about a checkpoint before its weights are read. Needs no torch."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generation.engine.checkpoints.families import (
    FAMILIES,
    FAMILY_NAMES,
    FLOW_FAMILIES,
    Component,
    Family,
    Kind,
)
from generation.engine.checkpoints.header import corrupt
from generation.engine.errors import EngineError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointInfo:
    """A checkpoint's identity card."""

    family: Family
    prediction_type: str
    """``epsilon``, ``v_prediction`` or ``sample``; ``flow`` for SD3 and Flux."""
    native_size: int
    """Side in pixels that the model was trained at."""
    inpainting: bool = False
    """Its denoiser wants the mask and the masked picture beside the noise (SD and SDXL: 9 channels)."""
    refiner: bool = False
    """SDXL's refiner: it only finishes pictures, and wants an aesthetic score among its sizes."""

    @property
    def exclusive(self) -> bool:
        """Whether it runs alone, by ``generation.engine.exclusive``, instead of in the common batch."""
        return self.family in FLOW_FAMILIES

    def require_runnable(self, path: Path) -> None:
        """Raise ``EngineError("model_unsupported")`` for a family that this engine cannot run."""
        if self.family not in FAMILIES:
            raise unsupported(path, f"it is {FAMILY_NAMES[self.family]}")


Tensors = Iterator[tuple[str, "torch.Tensor"]]


@dataclass(frozen=True, slots=True)
class TokenizerSource:
    """Where a text encoder's tokenizer comes from."""

    folder: Path | None
    """A folder with ``vocab.json`` and ``merges.txt`` (T5: ``tokenizer.json``); None is the packaged one."""
    pad: int | None = None
    """The token that fills a chunk up, where it is not the one that the tokenizer itself names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a checkpoint consists of, in diffusers' terms, whatever its layout on disk."""

    info: CheckpointInfo
    components: Mapping[Component, Kind]
    """The parts that are there."""
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


def native_size(
    denoiser_config: Mapping[str, Any], vae_config: Mapping[str, Any], family: Family = "sd15"
) -> int:
    """Pixels on a side: the denoiser's latent side, or else its family's, times the VAE's scale."""
    levels = len(vae_config["block_out_channels"])
    facts = FAMILIES.get(family, FAMILIES["sd15"])
    return int(denoiser_config.get("sample_size") or facts.sample_size) << (levels - 1)


def is_inpainting(denoiser_config: Mapping[str, Any], vae_config: Mapping[str, Any]) -> bool:
    """Whether a denoiser wants a mask and a masked picture beside the noise.

    U-Nets take one channel of mask and the picture's latents: 4 + 1 + 4. Flux's Fill takes them packed, the
    mask in full size, so that more goes in than comes out.
    """
    channels = denoiser_config.get("in_channels", 4)
    if "num_single_layers" in denoiser_config:
        return bool(channels != (denoiser_config.get("out_channels") or channels))
    return bool(channels == 2 * vae_config.get("latent_channels", 4) + 1)


def require_known_inputs(
    path: Path, unet_config: Mapping[str, Any], vae_config: Mapping[str, Any], scheduler: Mapping[str, Any]
) -> None:
    """Raise ``EngineError("model_unsupported")`` for U-Nets that want more than noise, a time and a text, or
    those of an inpainting model: editing (8 channels), depth (5), and U-Nets of another noise schedule.
    """
    channels = unet_config.get("in_channels", 4)
    latent = vae_config.get("latent_channels", 4)
    if channels != latent and not is_inpainting(unet_config, vae_config):
        raise unsupported(
            path,
            f"its U-Net wants {channels} input channels, a text-to-image model {latent} "
            f"and an inpainting model {2 * latent + 1}",
        )
    name = str(scheduler.get("_class_name"))
    if name.startswith(("EDM", "FlowMatch")):
        raise unsupported(path, f"its noise schedule is of another kind ({name})")


def unsupported(path: Path, why: str) -> EngineError:
    return EngineError(
        "model_unsupported",
        f"{path.name} cannot be used: {why}.",
        hint="Choose a checkpoint of Stable Diffusion 1.x, XL or 3 or of Flux: a diffusers folder or one "
        ".safetensors file.",
    )


def incomplete(path: Path, what: str, *, hint: str) -> EngineError:
    """A file that is well, of a model that needs more than it holds."""
    return EngineError("model_incomplete", f"{path.name} holds only a part of its model: {what}.", hint=hint)
