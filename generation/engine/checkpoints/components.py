"""Checkpoints with a U-Net, loaded: Stable Diffusion 1.x, 2.x and XL."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from generation.engine.checkpoints.families import FAMILIES, Component
from generation.engine.checkpoints.info import CheckpointInfo, Parts, unsupported
from generation.engine.checkpoints.modules import module_empty, module_fill
from generation.engine.checkpoints.preview_decoder import preview_decoder_load
from generation.engine.checkpoints.tokenizer import Tokenizer, tokenizer_load
from generation.engine.resident import modules_nbytes

if TYPE_CHECKING:
    from transformers import CLIPTextModelWithProjection

TimeIds = Literal["none", "sizes", "aesthetic"]
"""What a U-Net wants to know beside the text: nothing; SDXL's six sizes (height and width of the picture
before cropping, top and left of the cut, height and width after); or the refiner's five, which are the
first four and an aesthetic score (as published 6.0 for the prompt, 2.5 for the negative one).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A loaded checkpoint. Its modules are in evaluation mode and belong to the device thread."""

    info: CheckpointInfo
    unet: Any
    """A ``UNet2DConditionModel``; diffusers' mixins hide from type checkers that it is a module."""
    vae: Any
    """An ``AutoencoderKL``."""
    scheduler_config: Mapping[str, Any]
    preview: Mapping[str, Any] | None
    dtype: torch.dtype
    """The denoiser's; the VAE's may be wider."""
    text_encoder: Any = None
    """A ``CLIPTextModel``, with a ``Tokenizer``; both are None in SDXL's refiner alone."""
    tokenizer: Any = None
    text_encoder_2: "CLIPTextModelWithProjection | None" = None
    """SDXL's second text encoder; likewise its tokenizer."""
    tokenizer_2: Tokenizer | None = None
    preview_decoder: Any | None = None
    """A fast decoder for previews, where the checkpoint brings one."""
    zeros_for_empty_negative: bool = False
    """Whether an empty negative prompt means zeros instead of the encoded empty text."""

    @property
    def nbytes(self) -> int:
        """Memory of the weights in bytes."""
        return modules_nbytes(self._modules)

    @property
    def components(self) -> Mapping[str, torch.nn.Module]:
        """What networks can be worked into, by the names that their files have for it."""
        encoders = {"text_encoder": self.text_encoder, "text_encoder_2": self.text_encoder_2}
        present = {name: encoder for name, encoder in encoders.items() if encoder is not None}
        return {"denoiser": self.unet, **present}

    @property
    def is_xl(self) -> bool:
        return self.info.family == "sdxl"

    @property
    def time_ids_kind(self) -> TimeIds:
        if not self.is_xl:
            return "none"
        return "aesthetic" if self.info.refiner else "sizes"

    @property
    def text_towers(self) -> tuple[tuple[Any, Tokenizer], ...]:
        """The text encoders, each with its tokenizer, in the order in which the denoiser reads them."""
        towers = ((self.text_encoder, self.tokenizer), (self.text_encoder_2, self.tokenizer_2))
        return tuple(
            (encoder, tokenizer)
            for encoder, tokenizer in towers
            if encoder is not None and tokenizer is not None
        )

    @property
    def latent_channels(self) -> int:
        """Of noise and pictures; the denoiser of an inpainting model takes more than these."""
        return int(self.vae.config["latent_channels"])

    @property
    def vae_scale(self) -> int:
        """Pixels per latent cell on a side."""
        return 1 << (len(self.vae.config["block_out_channels"]) - 1)

    def to(self, device: torch.device) -> "Checkpoint":
        """Move every module to ``device``, in place. May raise ``torch.OutOfMemoryError``."""
        for module in self._modules:
            module.to(device)
        return self

    @property
    def _modules(self) -> tuple[torch.nn.Module, ...]:
        modules = (self.unet, self.vae, self.text_encoder, self.text_encoder_2, self.preview_decoder)
        return tuple(module for module in modules if module is not None)


def build(path: Path, parts: Parts, dtype: torch.dtype) -> Checkpoint:
    """Load every component on the CPU as ``dtype``.

    Raises ``EngineError`` with code ``model_corrupt`` or, where the components do not fit together,
    ``model_unsupported``.
    """
    modules = {name: module_empty(kind, parts.configs[name]) for name, kind in parts.components.items()}
    _require_fit(path, modules, parts.info)
    for name, module in modules.items():
        module_fill(
            path, name, module, parts.read(name), _vae_dtype(parts, dtype) if name == "vae" else dtype
        )
    tokenizers = {
        name.replace("text_encoder", "tokenizer"): tokenizer_load(
            source, vocabulary_size=modules[name].config.vocab_size, model=path
        )
        for name, source in parts.tokenizers.items()
    }
    fields: dict[str, Any] = {str(name): part for name, part in modules.items()} | tokenizers
    return Checkpoint(
        info=parts.info,
        scheduler_config=parts.scheduler_config,
        preview=parts.preview or FAMILIES[parts.info.family].preview,
        preview_decoder=preview_decoder_load(path, parts.configs["vae"], dtype),
        dtype=dtype,
        zeros_for_empty_negative=parts.zeros_for_empty_negative,
        **fields,
    )


def _vae_dtype(parts: Parts, dtype: torch.dtype) -> torch.dtype:
    overflows = FAMILIES[parts.info.family].fp16_overflows and parts.configs["vae"].get("force_upcast", True)
    return torch.float32 if dtype == torch.float16 and overflows else dtype


def _require_fit(path: Path, modules: Mapping[Component, Any], info: CheckpointInfo) -> None:
    """Refuse parts of different families: each may be whole, and they would fail in the first step."""
    unet = modules["unet"].config
    encoders = [module.config for name, module in modules.items() if name.startswith("text_encoder")]
    width = sum(encoder.hidden_size for encoder in encoders)
    if unet["cross_attention_dim"] != width:
        wanted = unet["cross_attention_dim"]
        raise unsupported(path, f"its U-Net wants text of width {wanted}, its text encoders make {width}")
    latent = modules["vae"].config["latent_channels"]
    if unet["out_channels"] != latent:
        raise unsupported(path, f"its U-Net makes {unet['out_channels']} channels, its VAE reads {latent}")
    wanted = "text_time" if "text_encoder_2" in modules else None
    if unet["addition_embed_type"] != wanted:
        raise unsupported(path, "its U-Net is not of the family that its text encoders are of")
    if wanted:
        count, said = (5, "five") if info.refiner else (6, "six")
        embedded = count * unet["addition_time_embed_dim"] + encoders[-1].projection_dim
        if unet["projection_class_embeddings_input_dim"] != embedded:
            raise unsupported(path, f"its U-Net wants other sizes beside the text than SDXL's {said}")
