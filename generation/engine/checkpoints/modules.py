"""From parts to live modules: built empty, filled with the file's weights, checked tensor by tensor."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch

from generation.engine.checkpoints.families import Kind
from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.info import Tensors


def module_empty(kind: Kind, config: Mapping[str, Any]) -> Any:
    """A module without memory for its weights yet; raises ``ValueError`` for a senseless ``config``."""
    from huggingface_hub.errors import StrictDataclassError

    try:
        with torch.device("meta"):
            return _CONSTRUCT[kind](dict(config))
    except (
        StrictDataclassError,
        RuntimeError,
    ) as error:  # what transformers and torch say of senseless sizes
        raise ValueError(str(error)) from error


def module_fill(path: Path, component: str, module: Any, tensors: Tensors, dtype: torch.dtype) -> None:
    """Give ``module`` its weights, on the CPU as ``dtype``, ready to compute with.

    Raises ``EngineError("model_corrupt")`` for tensors that are missing or of another shape.
    """
    wanted = _wanted(module)
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
        state[name] = tensor.to(dtype=_dtype(module, name, dtype), copy=True)
    missing = sorted(wanted.keys() - state.keys())
    if missing:
        raise corrupt(
            path, f"{len(missing)} tensors of its {component} are missing, the first is {missing[0]}"
        )
    module.load_state_dict(state, strict=False, assign=True)
    if hasattr(module, "tie_weights"):
        module.tie_weights()
    module.eval().requires_grad_(False)  # noqa: FBT003


def _wanted(module: torch.nn.Module) -> dict[str, torch.Size]:
    """Parameters, each under one name only, and the buffers that files hold (SD3's positions)."""
    wanted = {name: parameter.shape for name, parameter in module.named_parameters()}
    kept = module.state_dict(keep_vars=True)
    return wanted | {name: buffer.shape for name, buffer in module.named_buffers() if name in kept}


def _dtype(module: Any, name: str, dtype: torch.dtype) -> torch.dtype:
    """``dtype``, save for layers that overflow in fp16 (T5's ``wo``), which its class names."""
    kept = getattr(module, "_keep_in_fp32_modules", None) or ()
    overflows = dtype == torch.float16 and any(part in kept for part in name.split("."))
    return torch.float32 if overflows else dtype


def _unet(config: dict[str, Any]) -> Any:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    return UNet2DConditionModel.from_config(config)


def _mmdit(config: dict[str, Any]) -> Any:
    from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel

    return SD3Transformer2DModel.from_config(config)


def _flux(config: dict[str, Any]) -> Any:
    from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel

    return FluxTransformer2DModel.from_config(config)


def _autoencoder(config: dict[str, Any]) -> Any:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return AutoencoderKL.from_config(config)


def _clip(config: dict[str, Any]) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    encoder = CLIPTextModel(CLIPTextConfig.from_dict(config))
    _count_positions(encoder.embeddings, encoder.config.max_position_embeddings)
    return encoder


def _clip_projecting(config: dict[str, Any]) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    encoder = CLIPTextModelWithProjection(CLIPTextConfig.from_dict(config))
    _count_positions(encoder.text_model.embeddings, encoder.config.max_position_embeddings)
    return encoder


def _t5(config: dict[str, Any]) -> Any:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config.from_dict(config))


def _count_positions(embeddings: torch.nn.Module, count: int) -> None:
    # Numbered positions are computed, not loaded: the only values that a file need not hold.
    with torch.device("cpu"):
        embeddings.register_buffer("position_ids", torch.arange(count)[None], persistent=False)


_CONSTRUCT: Final[Mapping[Kind, Callable[[dict[str, Any]], Any]]] = {
    "unet": _unet,
    "mmdit": _mmdit,
    "flux": _flux,
    "autoencoder": _autoencoder,
    "clip": _clip,
    "clip_projecting": _clip_projecting,
    "t5": _t5,
}
