# mypy: disable-error-code="no-untyped-call,no-any-return,arg-type"
# torch and diffusers publish only part of their types.
"""The ControlNet itself: the UNet's encoder without attention, with a learnable way in for lines."""

from pathlib import Path

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn

GAIN = 1.4  # at 1.5 the lines and silhouettes agreed better than at 1, at 2 silhouettes got worse
EMBEDDING = (16, 32, 64, 96)  # halves three times: 128 pixels to the 16 cells of the latents


def build_controlnet() -> ControlNetModel:
    """As the base's UNet, but without text: that saves half of the bytes and loses nothing."""
    return ControlNetModel(
        down_block_types=("DownBlock2D", "DownBlock2D", "DownBlock2D"),
        mid_block_type="UNetMidBlock2D",
        block_out_channels=(64, 128, 160),
        layers_per_block=1,
        norm_num_groups=16,
        cross_attention_dim=128,
        attention_head_dim=4,
        conditioning_embedding_out_channels=EMBEDDING,
    )


def start_from(unet: UNet2DConditionModel) -> ControlNetModel:
    """A fresh ControlNet that knows what the UNet's encoder knows.

    Only the outgoing convolutions start at zero. The stock zero initialisation of the embedding's
    last layer stands behind those zeros, and in a short training nothing would get through both.
    """
    model = build_controlnet()
    own = model.state_dict()
    model.load_state_dict(
        {name: value for name, value in unet.state_dict().items() if name in own}, strict=False
    )
    for layer in model.controlnet_cond_embedding.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return model


def load_unet(base: Path) -> UNet2DConditionModel:
    """The exported base's UNet in float32."""
    unet: UNet2DConditionModel = UNet2DConditionModel.from_pretrained(
        str(base / "unet"), torch_dtype=torch.float32
    )
    return unet


def strengthen(model: ControlNetModel, gain: float) -> None:
    """Multiply all that the ControlNet adds to the UNet: scale 1 then does what `gain` did."""
    with torch.no_grad():
        for layer in (*model.controlnet_down_blocks, model.controlnet_mid_block):
            for weight in layer.parameters():
                weight.mul_(gain)


def export(model: ControlNetModel, folder: Path) -> None:
    """The half-precision diffusers folder.

    Training sees no guidance, but drawing does: guidance multiplies what the text adds and not what
    the lines add, which are the same with and without text. `GAIN` makes up for some of that.
    """
    strengthen(model, GAIN)
    model.to(torch.float16)
    model.save_pretrained(folder, safe_serialization=True)
