"""Tiny random ControlNets and T2I-Adapters of real classes, for the tiny checkpoints."""

import json
import re
from pathlib import Path
from typing import Any

from tests.engine.tiny import XL_UNET_CONFIG, save_single, seeded, stored_tensors

HINT_CHANNELS = (16, 16, 32, 32)
"""Of the convolutions that a control picture goes through; three of them halve it."""


def tiny_controlnet(checkpoint: Path, folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Write a ControlNet for the checkpoint in ``checkpoint`` as a diffusers folder and return it.

    Its residuals are of the size of what they are added to: untrained ones would be zeros. ``changes`` are of
    its configuration.
    """
    import diffusers
    import torch

    classes: Any = diffusers  # which is not typed
    unet = classes.UNet2DConditionModel.from_pretrained(checkpoint / "unet", local_files_only=True)
    with seeded(seed):
        network = classes.ControlNetModel.from_unet(
            unet, conditioning_embedding_out_channels=HINT_CHANNELS, load_weights_from_unet=False
        )
        if changes:
            network = classes.ControlNetModel.from_config({**network.config, **changes})
        closed = (
            *network.controlnet_down_blocks,
            network.controlnet_mid_block,
            network.controlnet_cond_embedding.conv_out,
        )
        for convolution in closed:
            torch.nn.init.normal_(convolution.weight, std=0.2)
            torch.nn.init.normal_(convolution.bias, std=0.2)
    network.save_pretrained(folder)
    return folder


def tiny_controlnet_file(folder: Path, file: Path, *, original: bool, prefix: str = "") -> Path:
    """The ControlNet in ``folder`` as one file, under the original names or under diffusers'."""
    tensors = dict(stored_tensors(folder))
    if original:
        tensors = {prefix + _original(name): tensor for name, tensor in tensors.items()}
    save_single(tensors, file)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    hidden = {key: config[key] for key in ("attention_head_dim", "addition_time_embed_dim")}
    sidecar = file.with_suffix(".config")
    sidecar.mkdir(exist_ok=True)
    (sidecar / "config.json").write_text(json.dumps(hidden), encoding="utf-8")
    return file


def _original(name: str) -> str:
    """Of a ControlNet with two levels of one layer each, as the tiny SD1.5 one is."""
    for pattern, replacement in (
        (r"time_embedding\.linear_1", "time_embed.0"),
        (r"time_embedding\.linear_2", "time_embed.2"),
        (r"^conv_in", "input_blocks.0.0"),
        (r"down_blocks\.0\.resnets\.0", "input_blocks.1.0"),
        (r"down_blocks\.0\.attentions\.0", "input_blocks.1.1"),
        (r"down_blocks\.0\.downsamplers\.0\.conv", "input_blocks.2.0.op"),
        (r"down_blocks\.1\.resnets\.0", "input_blocks.3.0"),
        (r"mid_block\.resnets\.0", "middle_block.0"),
        (r"mid_block\.attentions\.0", "middle_block.1"),
        (r"mid_block\.resnets\.1", "middle_block.2"),
        (r"controlnet_mid_block", "middle_block_out.0"),
        (r"controlnet_down_blocks\.(\d)", r"zero_convs.\1.0"),
        (r"controlnet_cond_embedding\.conv_in", "input_hint_block.0"),
        (r"controlnet_cond_embedding\.conv_out", "input_hint_block.14"),
        (
            r"controlnet_cond_embedding\.blocks\.(\d)",
            lambda found: f"input_hint_block.{2 * int(found[1]) + 2}",
        ),
    ):
        name = re.sub(pattern, replacement, name)
    if name.startswith(("input_blocks", "middle_block.")):
        for ours, theirs in (
            ("norm1", "in_layers.0"),
            ("conv1", "in_layers.2"),
            ("time_emb_proj", "emb_layers.1"),
            ("norm2", "out_layers.0"),
            ("conv2", "out_layers.3"),
            ("conv_shortcut", "skip_connection"),
        ):
            if "transformer_blocks" not in name:
                name = name.replace(f".{ours}.", f".{theirs}.")
    return name


def tiny_t2i_adapter(folder: Path, *, seed: int = 0, kind: str = "full_adapter") -> Path:
    """Write a T2I-Adapter of four levels for the tiny checkpoints, which have two."""
    import diffusers

    classes: Any = diffusers
    widths = list(XL_UNET_CONFIG["block_out_channels"])
    with seeded(seed):
        adapter = classes.T2IAdapter(
            channels=[*widths, *widths[-1:] * (1 if kind == "light_adapter" else 2)],
            num_res_blocks=2,
            downscale_factor=16 if kind == "full_adapter_xl" else 8,
            adapter_type=kind,
        )
    adapter.save_pretrained(folder)
    return folder


def tiny_t2i_file(folder: Path, file: Path) -> Path:
    """The full adapter in ``folder`` as TencentARC publishes it: blocks numbered through."""
    tensors = {}
    for name, tensor in stored_tensors(folder):
        plain = name.removeprefix("adapter.")
        found = re.match(r"body\.(\d+)\.(?:resnets\.(\d+)|(in_conv))(.*)", plain)
        if found:
            block = 2 * int(found[1]) + int(found[2] or 0)
            plain = f"body.{block}.{found[3] or ''}{found[4]}".replace("..", ".")
        tensors[plain] = tensor
    save_single(tensors, file)
    return file
