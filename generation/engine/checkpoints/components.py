"""From parts to live modules: built empty, filled with the file's weights, checked tensor by tensor."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import torch

from generation.engine.checkpoints.families import FAMILIES, Component
from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.info import CheckpointInfo, Parts, Tensors, unsupported
from generation.engine.checkpoints.preview_decoder import preview_decoder_load
from generation.engine.checkpoints.tokenizer import Tokenizer, tokenizer_load

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTextModelWithProjection


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A loaded checkpoint. Its modules are in evaluation mode and belong to the device thread."""

    info: CheckpointInfo
    unet: Any
    """A ``UNet2DConditionModel``; diffusers' mixins hide from type checkers that it is a module."""
    vae: Any
    """An ``AutoencoderKL``."""
    text_encoder: "CLIPTextModel"
    tokenizer: Tokenizer
    scheduler_config: Mapping[str, Any]
    preview: Mapping[str, Any] | None
    dtype: torch.dtype
    """The denoiser's; the VAE's may be wider."""
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
        return sum(p.numel() * p.element_size() for module in self._modules for p in module.parameters())

    @property
    def is_xl(self) -> bool:
        return self.info.family == "sdxl"

    @property
    def text_towers(self) -> tuple[tuple[Any, Tokenizer], ...]:
        """The text encoders, each with its tokenizer, in the order in which the denoiser reads them."""
        first: tuple[Any, Tokenizer] = (self.text_encoder, self.tokenizer)
        if self.text_encoder_2 is None or self.tokenizer_2 is None:
            return (first,)
        return (first, (self.text_encoder_2, self.tokenizer_2))

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
    components = FAMILIES[parts.info.family].components
    modules: dict[Component, Any] = {name: _CONSTRUCT[name](parts.configs[name]) for name in components}
    _require_fit(path, modules)
    for name, module in modules.items():
        _fill(path, name, module, parts.read(name), _vae_dtype(parts, dtype) if name == "vae" else dtype)
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


def _require_fit(path: Path, modules: Mapping[Component, Any]) -> None:
    """Refuse parts of different families: each may be whole, and they would fail in the first step."""
    unet = modules["unet"].config
    encoders = [module.config for name, module in modules.items() if name.startswith("text_encoder")]
    width = sum(encoder.hidden_size for encoder in encoders)
    if unet["cross_attention_dim"] != width:
        wanted = unet["cross_attention_dim"]
        raise unsupported(path, f"its U-Net wants text of width {wanted}, its text encoders make {width}")
    wanted = "text_time" if "text_encoder_2" in modules else None
    if unet["addition_embed_type"] != wanted:
        raise unsupported(path, "its U-Net is not of the family that its text encoders are of")
    if wanted:
        embedded = 6 * unet["addition_time_embed_dim"] + encoders[-1].projection_dim
        if unet["projection_class_embeddings_input_dim"] != embedded:
            raise unsupported(path, "its U-Net wants other sizes beside the text than SDXL's six")


def _unet(config: Mapping[str, Any]) -> torch.nn.Module:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    with torch.device("meta"):
        return cast("torch.nn.Module", UNet2DConditionModel.from_config(dict(config)))


def _vae(config: Mapping[str, Any]) -> torch.nn.Module:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    with torch.device("meta"):
        return cast("torch.nn.Module", AutoencoderKL.from_config(dict(config)))


def _text_encoder(config: Mapping[str, Any]) -> torch.nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        encoder = CLIPTextModel(CLIPTextConfig.from_dict(dict(config)))
    _count_positions(encoder.embeddings, encoder.config.max_position_embeddings)
    return encoder


def _text_encoder_2(config: Mapping[str, Any]) -> torch.nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    with torch.device("meta"):
        encoder = CLIPTextModelWithProjection(CLIPTextConfig.from_dict(dict(config)))
    _count_positions(encoder.text_model.embeddings, encoder.config.max_position_embeddings)
    return encoder


def _count_positions(embeddings: torch.nn.Module, count: int) -> None:
    # Numbered positions are computed, not loaded: the only values that a file need not hold.
    embeddings.register_buffer("position_ids", torch.arange(count)[None], persistent=False)


_CONSTRUCT: Final[Mapping[Component, Callable[[Mapping[str, Any]], torch.nn.Module]]] = {
    "unet": _unet,
    "vae": _vae,
    "text_encoder": _text_encoder,
    "text_encoder_2": _text_encoder_2,
}


def _fill(path: Path, component: str, module: torch.nn.Module, tensors: Tensors, dtype: torch.dtype) -> None:
    wanted = {name: parameter.shape for name, parameter in module.named_parameters()}
    state: dict[str, torch.Tensor] = {}
    for name, tensor in tensors:
        shape = wanted.get(name)
        if shape is None:
            continue  # position ids, averaged copies and other tensors that no layer reads
        if tensor.shape != shape:
            # The original layout keeps the VAE's attention as 1x1 convolutions: same numbers, two more axes.
            if tensor.shape != (*shape, 1, 1):
                raise corrupt(path, f"{component}.{name} has shape {tuple(tensor.shape)}, not {tuple(shape)}")
            tensor = tensor.reshape(shape)  # noqa: PLW2901
        # A copy, never a view of the mapped file: the file may be replaced while the model is in use.
        state[name] = tensor.to(dtype=dtype, copy=True)
    missing = sorted(wanted.keys() - state.keys())
    if missing:
        raise corrupt(
            path, f"{len(missing)} tensors of its {component} are missing, the first is {missing[0]}"
        )
    module.load_state_dict(state, strict=False, assign=True)
    module.eval().requires_grad_(False)  # noqa: FBT003
