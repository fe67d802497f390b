"""Tiny random IP-Adapters in their authors' layout, and an image encoder to look through."""

from pathlib import Path
from typing import Any

from tests.engine.tiny import save_single, seeded

HIDDEN, EMBEDDING, SIDE = 32, 24, 32
"""Channels of the image encoder's hidden states and of its embedding; pixels that it looks at."""
TOKENS = 4


def tiny_image_encoder(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Write a CLIP vision model as a folder of transformers and return it."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        **{
            "hidden_size": HIDDEN,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": 8,
            "projection_dim": EMBEDDING,
            **changes,
        }
    )
    config.initializer_factor = 5.0  # so that pictures differ visibly
    with seeded(seed):
        CLIPVisionModelWithProjection(config).save_pretrained(folder)
    return folder


def tiny_ip_adapter(checkpoint: Path, file: Path, *, kind: str = "plain", seed: int = 0) -> Path:
    """Write an adapter for the checkpoint in ``checkpoint``; ``kind`` is plain, full or plus."""
    import diffusers
    import torch

    classes: Any = diffusers  # which is not typed
    unet = classes.UNet2DConditionModel.from_pretrained(checkpoint / "unet", local_files_only=True)
    text = unet.config.cross_attention_dim
    layers = [module for name, module in unet.named_modules() if name.endswith(".attn2")]
    with seeded(seed):
        tensors = {f"image_proj.{name}": tensor for name, tensor in _PROJECTIONS[kind](text).items()}
        for index, layer in enumerate(layers):
            for part in "kv":
                shape = layer.to_k.weight.shape
                tensors[f"ip_adapter.{2 * index + 1}.to_{part}_ip.weight"] = torch.randn(shape) * 0.3
    save_single(tensors, file)
    return file


def _layer(name: str, out: int, into: int) -> dict[str, Any]:
    import torch

    return {f"{name}.weight": torch.randn(out, into) / into**0.5, f"{name}.bias": torch.randn(out) * 0.1}


def _norm(name: str, width: int) -> dict[str, Any]:
    import torch

    return {f"{name}.weight": 1 + torch.randn(width) * 0.1, f"{name}.bias": torch.randn(width) * 0.1}


def _plain(text: int) -> dict[str, Any]:
    return _layer("proj", TOKENS * text, EMBEDDING) | _norm("norm", text)


def _full(text: int) -> dict[str, Any]:
    return _layer("proj.0", HIDDEN, HIDDEN) | _layer("proj.2", text, HIDDEN) | _norm("proj.3", text)


def _plus(text: int) -> dict[str, Any]:
    import torch

    width, heads = 48, 2
    inner = 64 * heads
    tensors = {"latents": torch.randn(1, 6, width)}
    tensors |= _layer("proj_in", width, HIDDEN) | _layer("proj_out", text, width) | _norm("norm_out", text)
    for layer in (f"layers.{index}" for index in range(4)):
        tensors |= _norm(f"{layer}.0.norm1", width) | _norm(f"{layer}.0.norm2", width)
        tensors |= _norm(f"{layer}.1.0", width)
        for name, shape in (
            ("0.to_q", (inner, width)),
            ("0.to_kv", (2 * inner, width)),
            ("0.to_out", (width, inner)),
            ("1.1", (4 * width, width)),
            ("1.3", (width, 4 * width)),
        ):
            tensors[f"{layer}.{name}.weight"] = torch.randn(shape) / shape[1] ** 0.5
    return tensors


_PROJECTIONS = {"plain": _plain, "full": _full, "plus": _plus}
