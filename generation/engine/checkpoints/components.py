"""From parts to live modules: built empty, filled with the file's weights, checked tensor by tensor."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.info import CheckpointInfo, Component, Parts, Tensors
from generation.engine.checkpoints.tokenizer import Tokenizer, tokenizer_load

if TYPE_CHECKING:
    from transformers import CLIPTextModel


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

    @property
    def nbytes(self) -> int:
        """Memory of the weights in bytes."""
        return sum(p.numel() * p.element_size() for module in self._modules for p in module.parameters())

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
        return (self.unet, self.vae, self.text_encoder)


def build(path: Path, parts: Parts, dtype: torch.dtype) -> Checkpoint:
    """Load every component on the CPU as ``dtype``; raises ``EngineError("model_corrupt")``."""
    modules: dict[Component, Any] = {}
    for component, construct in (("unet", _unet), ("vae", _vae), ("text_encoder", _text_encoder)):
        name = cast("Component", component)
        module = construct(parts.configs[name])
        _fill(path, name, module, parts.read(name), dtype)
        modules[name] = module
    return Checkpoint(
        info=parts.info,
        tokenizer=tokenizer_load(
            parts.tokenizer, vocabulary_size=modules["text_encoder"].config.vocab_size, model=path
        ),
        scheduler_config=parts.scheduler_config,
        preview=parts.preview,
        dtype=dtype,
        **modules,
    )


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
    # Numbered positions are computed, not loaded: the only values that a file need not hold.
    positions = torch.arange(encoder.config.max_position_embeddings)[None]
    encoder.embeddings.register_buffer("position_ids", positions, persistent=False)
    return encoder


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
