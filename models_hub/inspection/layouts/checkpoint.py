"""Checkpoints in one file, in the layouts of their first publications."""

from typing import Final

from models_hub.inspection.findings import (
    Family,
    Kind,
    Variant,
    sd2_refused,
    unknown_model,
    wrong_channels,
)
from models_hub.inspection.layouts.layout import Layout, any_beginning, any_name
from models_hub.safetensors_header import SafetensorsHeader

UNET: Final = "model.diffusion_model."
UNET_IN: Final = UNET + "input_blocks.0.0.weight"
VAE_IN: Final = "first_stage_model.decoder.conv_in.weight"
CLIP_TEXT: Final = "cond_stage_model.transformer."
OPEN_CLIP_TEXT: Final = "cond_stage_model.model."
XL_TEXT: Final = "conditioner.embedders."
XL_CLIP_TEXT: Final = XL_TEXT + "0.transformer."
XL_OPEN_CLIP_TEXT: Final = XL_TEXT + "1.model."
XL_REFINER_TEXT: Final = XL_TEXT + "0.model."
FLUX_IN: Final = "img_in.weight"
CHANNELS: Final = {4: Variant.BASE, 9: Variant.INPAINTING}
"""What a UNet takes: latents, or latents with a mask and what it leaves of the picture."""
FLUX_TOOLS: Final = {384: "filling", 128: "following a control picture"}
"""Widths of ``FLUX_IN`` that are not those of latents alone (64), and what they are made for."""


def _matches(header: SafetensorsHeader) -> bool:
    return any_beginning(header, (UNET, "double_blocks.0."))


def _family(header: SafetensorsHeader) -> Family:
    if any_name(header, ["double_blocks.0.img_attn."]):
        _require_plain_flux(header)
        return Family.FLUX
    if any_name(header, ["joint_blocks.0.x_block."]):
        return Family.SD3
    if any_beginning(header, (XL_TEXT,)):
        return _sdxl(header)
    return _sd15(header)


def _sd15(header: SafetensorsHeader) -> Family:
    if any_beginning(header, (OPEN_CLIP_TEXT,)):
        raise sd2_refused("checkpoint")
    _require_whole(header, {"text encoder": CLIP_TEXT})
    return Family.SD15


def _sdxl(header: SafetensorsHeader) -> Family:
    if any_beginning(header, (XL_REFINER_TEXT,)):
        _require_whole(header, {"text encoder": XL_REFINER_TEXT})
    else:
        _require_whole(header, {"first text encoder": XL_CLIP_TEXT, "second text encoder": XL_OPEN_CLIP_TEXT})
    return Family.SDXL


def _variant(header: SafetensorsHeader) -> Variant:
    if any_beginning(header, (XL_REFINER_TEXT,)):
        return Variant.REFINER
    return CHANNELS.get(_channels(header), Variant.BASE)


def _channels(header: SafetensorsHeader) -> int:
    """Of the UNet; a file without one has no wrong number of them."""
    shape = header.shape(UNET_IN)
    return shape[1] if len(shape) > 1 else next(iter(CHANNELS))


def _require_plain_flux(header: SafetensorsHeader) -> None:
    for name in (FLUX_IN, UNET + FLUX_IN):
        purpose = FLUX_TOOLS.get((*header.shape(name), 0, 0)[1])
        if purpose:
            raise unknown_model(f"It is a Flux model made for {purpose}, which the portal does not run.")


def _require_whole(header: SafetensorsHeader, text_encoders: dict[str, str]) -> None:
    if _channels(header) not in CHANNELS:
        raise wrong_channels(_channels(header))
    parts = {"UNet": UNET_IN, "VAE": VAE_IN, **text_encoders}
    missing = [part for part, beginning in parts.items() if not any_beginning(header, (beginning,))]
    if missing:
        raise unknown_model(f"It is a part of a checkpoint: it has no {' and no '.join(missing)}.")


LAYOUT: Final = Layout(Kind.CHECKPOINT, _matches, _family, _variant)
