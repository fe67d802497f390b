"""Tiny checkpoints whose modules are in reach."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch
from torch import nn

from generation.engine import checkpoints
from generation.engine.checkpoints.components import Checkpoint
from generation.engine.networks import Merged, NetworkUse, merge
from generation.engine.slices import run_through

Uses = Iterable[NetworkUse]
Merge = Callable[[Checkpoint, Uses], Merged]


def modules_of(checkpoint: Checkpoint) -> dict[str, nn.Module]:
    modules: dict[str, nn.Module] = {"denoiser": checkpoint.unet, "text_encoder": checkpoint.text_encoder}
    if checkpoint.text_encoder_2 is not None:
        modules["text_encoder_2"] = checkpoint.text_encoder_2
    return modules


def merged(checkpoint: Checkpoint, *uses: NetworkUse) -> Merged:
    return run_through(merge(modules_of(checkpoint), uses, dtype=checkpoint.dtype))


@pytest.fixture(scope="module")
def sd15(tiny: Path) -> Checkpoint:
    return checkpoints.load(tiny, torch.float32)


@pytest.fixture(scope="module")
def sdxl(tiny_xl: Path) -> Checkpoint:
    return checkpoints.load(tiny_xl, torch.float32)


def denoised(checkpoint: Checkpoint, *, seed: int = 0) -> torch.Tensor:
    """One call of the U-Net with random numbers."""
    draw = torch.Generator().manual_seed(seed)
    dtype = checkpoint.unet.dtype
    noise = torch.randn(1, 4, 8, 8, generator=draw).to(dtype)
    text = torch.randn(1, 77, checkpoint.unet.config["cross_attention_dim"], generator=draw).to(dtype)
    added = {}
    if checkpoint.is_xl:
        width = checkpoint.unet.config["projection_class_embeddings_input_dim"]
        sizes = 6 * checkpoint.unet.config["addition_time_embed_dim"]
        pooled = torch.randn(1, width - sizes, generator=draw).to(dtype)
        added = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": torch.tensor([[64.0] * 6])}}
    with torch.inference_mode():
        made: torch.Tensor = checkpoint.unet(noise, 500, text, **added).sample
    return made.float()
