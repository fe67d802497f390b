"""Checkpoints in one file, in the layouts of their first publications."""

from typing import Final

from models_hub.inspection.findings import (
    Family,
    Kind,
    Variant,
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
FLUX_FILL_WIDTH: Final = 384
"""Of ``FLUX_IN``, where latents alone have 64; 128 is made for following a control picture."""
FLUX_CONTROL_WIDTH: Final = 128


def _matches(header: SafetensorsHeader) -> bool:
    return any_beginning(header, (UNET, "double_blocks.0."))


def _family(header: SafetensorsHeader) -> Family:
    if any_name(header, ["double_blocks.0.img_attn."]):
        if _flux_width(header) == FLUX_CONTROL_WIDTH:
            raise unknown_model(
                "It is a Flux model made for a control picture, which the portal does not run."
            )
        return Family.FLUX
    if any_name(header, ["joint_blocks.0.x_block."]):
        return Family.SD3
    if any_beginning(header, (XL_TEXT,)):
        return _sdxl(header)
    return _sd15(header)


def _sd15(header: SafetensorsHeader) -> Family:
    if any_beginning(header, (OPEN_CLIP_TEXT,)):
        _require_whole(header, {"text encoder": OPEN_CLIP_TEXT})
        return Family.SD2
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
    if _flux_width(header) == FLUX_FILL_WIDTH:
        return Variant.INPAINTING
    return CHANNELS.get(_channels(header), Variant.BASE)


def _channels(header: SafetensorsHeader) -> int:
    """Of the UNet; a file without one has no wrong number of them."""
    shape = header.shape(UNET_IN)
    return shape[1] if len(shape) > 1 else next(iter(CHANNELS))


def _flux_width(header: SafetensorsHeader) -> int:
    shape = header.shape(FLUX_IN) or header.shape(UNET + FLUX_IN)
    return shape[1] if len(shape) == 2 else 0


def _require_whole(header: SafetensorsHeader, text_encoders: dict[str, str]) -> None:
    if _channels(header) not in CHANNELS:
        raise wrong_channels(_channels(header))
    parts = {"UNet": UNET_IN, "VAE": VAE_IN, **text_encoders}
    missing = [part for part, beginning in parts.items() if not any_beginning(header, (beginning,))]
    if missing:
        raise unknown_model(f"It is a part of a checkpoint: it has no {' and no '.join(missing)}.")


LAYOUT: Final = Layout(Kind.CHECKPOINT, _matches, _family, _variant)
