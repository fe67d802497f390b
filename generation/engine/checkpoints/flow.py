"""Stable Diffusion 3 and Flux, loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from generation.engine.checkpoints.families import FAMILIES
from generation.engine.checkpoints.info import CheckpointInfo, Parts, unsupported
from generation.engine.checkpoints.modules import module_empty, module_fill
from generation.engine.checkpoints.preview_decoder import preview_decoder_load
from generation.engine.checkpoints.tokenizer import clip_backend, t5_backend
from generation.engine.resident import modules_nbytes

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, T5EncoderModel
    from transformers import PreTrainedTokenizerFast as FastTokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowCheckpoint:
    """A loaded checkpoint. Its modules are in evaluation mode and belong to the device thread."""

    info: CheckpointInfo
    transformer: Any
    """An ``SD3Transformer2DModel`` or a ``FluxTransformer2DModel``."""
    vae: Any
    """An ``AutoencoderKL``."""
    text_encoder: "CLIPTextModel | CLIPTextModelWithProjection"
    tokenizer: "CLIPTokenizer"
    text_encoder_2: "CLIPTextModelWithProjection | T5EncoderModel"
    """CLIP bigG in SD3, T5 in Flux; likewise its tokenizer."""
    tokenizer_2: "CLIPTokenizer | FastTokenizer"
    text_encoder_3: "T5EncoderModel | None" = None
    """SD3's T5, without which it understands less of a long prompt; likewise its tokenizer."""
    tokenizer_3: "FastTokenizer | None" = None
    scheduler_config: Mapping[str, Any]
    preview: Mapping[str, Any] | None
    dtype: torch.dtype
    preview_decoder: Any | None = None
    """A fast decoder for previews, where the checkpoint brings one."""

    @property
    def nbytes(self) -> int:
        """Memory of the weights in bytes."""
        return modules_nbytes(self._modules)

    @property
    def components(self) -> Mapping[str, torch.nn.Module]:
        """What networks can be worked into, by the names that their files have for it."""
        third = {} if self.text_encoder_3 is None else {"text_encoder_3": self.text_encoder_3}
        encoders = {"text_encoder": self.text_encoder, "text_encoder_2": self.text_encoder_2}
        return {"denoiser": self.transformer, **encoders, **third}

    @property
    def guided_by_distillation(self) -> bool:
        """Whether the guidance is an input of the denoiser (Flux dev) instead of a second prediction."""
        return bool(self.transformer.config.get("guidance_embeds"))

    @property
    def latent_channels(self) -> int:
        return int(self.vae.config["latent_channels"])

    @property
    def vae_scale(self) -> int:
        """Pixels per latent cell on a side."""
        return 1 << (len(self.vae.config["block_out_channels"]) - 1)

    def to(self, device: torch.device) -> "FlowCheckpoint":
        """Move every module to ``device``, in place. May raise ``torch.OutOfMemoryError``."""
        for module in self._modules:
            module.to(device)
        return self

    @property
    def _modules(self) -> tuple[torch.nn.Module, ...]:
        encoders = (self.text_encoder, self.text_encoder_2, self.text_encoder_3)
        modules = (self.transformer, self.vae, *encoders, self.preview_decoder)
        return tuple(module for module in modules if module is not None)


def flow_build(path: Path, parts: Parts, dtype: torch.dtype) -> FlowCheckpoint:
    """Load every component on the CPU as ``dtype``.

    Raises ``EngineError`` with code ``model_corrupt``, ``tokenizer_missing`` or, where the components do
    not fit together, ``model_unsupported``.
    """
    modules = {name: module_empty(kind, parts.configs[name]) for name, kind in parts.components.items()}
    _require_fit(path, {str(name): module.config for name, module in modules.items()}, parts)
    for name, module in modules.items():
        module_fill(path, name, module, parts.read(name), dtype)
    tokenizers: dict[str, Any] = {}
    for name, source in parts.tokenizers.items():
        load = t5_backend if parts.components[name] == "t5" else clip_backend
        tokenizers[name.replace("text_encoder", "tokenizer")] = load(
            source, vocabulary_size=modules[name].config.vocab_size, model=path
        )
    fields: dict[str, Any] = {str(name): part for name, part in modules.items()} | tokenizers
    return FlowCheckpoint(
        info=parts.info,
        scheduler_config=parts.scheduler_config,
        preview=parts.preview or FAMILIES[parts.info.family].preview,
        preview_decoder=preview_decoder_load(path, parts.configs["vae"], dtype),
        dtype=dtype,
        **fields,
    )


def _require_fit(path: Path, configs: Mapping[str, Any], parts: Parts) -> None:
    """Refuse parts of different families: each may be whole, and they would fail in the first step."""
    transformer = configs["transformer"]
    flux = parts.info.family == "flux"
    latent = configs["vae"]["latent_channels"]
    packed = 4 if flux else 1
    made = transformer["out_channels"] or transformer["in_channels"]
    if made != packed * latent:
        raise unsupported(path, f"its transformer makes {made // packed} channels, its VAE reads {latent}")
    t5 = configs.get("text_encoder_2" if flux else "text_encoder_3")
    if t5 is not None and t5.d_model != transformer["joint_attention_dim"]:
        wanted = transformer["joint_attention_dim"]
        raise unsupported(path, f"its transformer wants text of width {wanted}, its T5 makes {t5.d_model}")
    clip = configs["text_encoder"]
    pooled = clip.hidden_size if flux else clip.projection_dim + configs["text_encoder_2"].projection_dim
    if pooled != transformer["pooled_projection_dim"]:
        wanted = transformer["pooled_projection_dim"]
        raise unsupported(path, f"its transformer wants a text's sum of width {wanted}, CLIP makes {pooled}")
