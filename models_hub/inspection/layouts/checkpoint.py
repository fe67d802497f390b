"""Checkpoints in one file, in the layouts of their first publications."""

from typing import Final

from models_hub.inspection.findings import Family, Kind, sd2_refused, unknown_model
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


def _matches(header: SafetensorsHeader) -> bool:
    return any_beginning(header, (UNET, "double_blocks.0."))


def _family(header: SafetensorsHeader) -> Family:
    if any_name(header, ["double_blocks.0.img_attn."]):
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
        raise unknown_model("It is the refiner of Stable Diffusion XL, which cannot draw by itself.")
    _require_whole(header, {"first text encoder": XL_CLIP_TEXT, "second text encoder": XL_OPEN_CLIP_TEXT})
    return Family.SDXL


def _require_whole(header: SafetensorsHeader, text_encoders: dict[str, str]) -> None:
    channels = header.shape(UNET_IN)[1:2]
    if channels and channels != (4,):
        raise unknown_model(
            f"Its UNet takes {channels[0]} channels instead of 4: it is made for inpainting or editing."
        )
    parts = {"UNet": UNET_IN, "VAE": VAE_IN, **text_encoders}
    missing = [part for part, beginning in parts.items() if not any_beginning(header, (beginning,))]
    if missing:
        raise unknown_model(f"It is a part of a checkpoint: it has no {' and no '.join(missing)}.")


LAYOUT: Final = Layout(Kind.CHECKPOINT, _matches, _family)
