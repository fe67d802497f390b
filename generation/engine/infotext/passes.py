"""Pairs of the passes over a picture: the one it starts from, hires fix, control units, ADetailer."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Final

from generation.engine.catalog import schedule_info
from generation.engine.infotext.units import UnitValue, unit_write
from generation.engine.infotext.words import Pairs, hashed, name_of, number
from generation.engine.spec import (
    ControlUnit,
    Detailing,
    Fill,
    HiresFix,
    InitImage,
    IpAdapterUnit,
    ModelRef,
    ResizeMode,
)

RESIZE_MODES: Final[Mapping[ResizeMode, str]] = {
    "stretch": "Just Resize", "crop": "Crop and Resize", "fill": "Resize and Fill",
}  # fmt: skip
FILLS: Final[Mapping[Fill, str]] = {
    "original": "original", "fill": "fill",
    "latent_noise": "latent noise", "latent_nothing": "latent nothing",
}  # fmt: skip
CONTROL_MODES: Final = {
    "balanced": "Balanced",
    "prompt": "My prompt is more important",
    "control": "ControlNet is more important",
}
MERGES: Final = {"none": "", "merge": "Merge", "merge_and_invert": "Merge and Invert"}
IP_ADAPTER_MODULE: Final = "ip-adapter-auto"
"""In A1111 an IP-Adapter is a unit of ControlNet, and this its preprocessor."""
UNIT_HASH_CHARACTERS: Final = 8
SHARED_PARAMETERS: Final = ("threshold_a", "threshold_b")
"""A1111's names for whatever a preprocessor's first two parameters are."""


def init_pairs(init: InitImage) -> Pairs:
    """Of the picture to start from, its mask and its margins; what A1111 takes for granted is empty."""
    yield "Resize mode", "" if init.resize_mode == "stretch" else RESIZE_MODES[init.resize_mode]
    mask = init.mask
    if mask is not None:
        yield "Masked content", "" if mask.fill == "original" else FILLS[mask.fill]
        yield "Mask mode", "Inpaint not masked" if mask.invert else ""
        yield "Inpaint area", "Only masked" if mask.only_masked else ""
        yield "Masked area padding", str(mask.padding) if mask.only_masked else ""
        yield "Mask blur", str(mask.blur)
    if init.outpaint is not None:
        for side in ("left", "top", "right", "bottom"):
            pixels = getattr(init.outpaint, side)
            yield f"Outpaint {side}", str(pixels) if pixels else ""


def hires_pairs(hires: HiresFix) -> Pairs:
    """Of the second pass; the text's denoising strength is its."""
    upscaler = hires.upscaler
    yield "Hires upscale", number(hires.scale)
    yield "Hires steps", str(hires.steps) if hires.steps else ""
    yield "Hires upscaler", name_of(upscaler) if isinstance(upscaler, ModelRef) else upscaler
    yield "Hires sampler", hires.sampler
    yield "Hires schedule type", schedule_info(hires.schedule).label if hires.schedule else ""
    yield "Hires prompt", hires.prompt
    yield "Hires negative prompt", hires.negative_prompt
    yield "Hires CFG Scale", "" if hires.guidance_scale is None else number(hires.guidance_scale)


def unit_pairs(controls: Iterable[ControlUnit], adapters: Iterable[IpAdapterUnit]) -> Pairs:
    """``ControlNet n``; a unit that cannot be written in this form has none, as in A1111."""
    place = count()
    for unit in controls:
        yield f"ControlNet {next(place)}", unit_write(_control_fields(unit)) or ""
    for adapter in adapters:
        fields: dict[str, UnitValue] = {
            "module": IP_ADAPTER_MODULE,
            "model": _unit_model(adapter.model),
            "weight": adapter.scale,
            "guidance_start": adapter.start,
            "guidance_end": adapter.end,
        }
        yield f"ControlNet {next(place)}", unit_write(fields) or ""


def _control_fields(unit: ControlUnit) -> dict[str, UnitValue]:
    own = dict(zip(SHARED_PARAMETERS, unit.parameters.values(), strict=False))
    return {
        "module": unit.preprocessor,
        "model": _unit_model(unit.model),
        "weight": unit.weight,
        "resize_mode": RESIZE_MODES[unit.resize_mode],
        "processor_res": unit.resolution,
        **own,
        "guidance_start": unit.start,
        "guidance_end": unit.end,
        "pixel_perfect": False,
        "control_mode": CONTROL_MODES[unit.mode],
    }


def _unit_model(model: ModelRef) -> str:
    return hashed(name_of(model), model.digest, UNIT_HASH_CHARACTERS)


def detailing_pairs(step: Detailing, place: int) -> Pairs:
    """ADetailer's, with `` 2nd`` and so on behind every key from the second pass on."""
    suffix = "" if place == 1 else f" {place}{ {2: 'nd', 3: 'rd'}.get(place, 'th') }"
    for key, value in _detailing_values(step):
        yield f"ADetailer {key}{suffix}", value


def _detailing_values(step: Detailing) -> Pairs:
    detector = step.detector
    yield "model", detector if isinstance(detector, str) else name_of(detector)
    yield "prompt", step.prompt
    yield "negative prompt", step.negative_prompt
    yield "confidence", number(step.confidence)
    if step.top_k:
        yield "method to decide top k masks", "Confidence"
        yield "mask only top k", str(step.top_k)
    yield "mask min ratio", number(step.min_ratio) if step.min_ratio else ""
    yield "mask max ratio", number(step.max_ratio) if step.max_ratio != 1.0 else ""
    yield "x offset", str(step.offset_x) if step.offset_x else ""
    yield "y offset", str(step.offset_y) if step.offset_y else ""
    yield "dilate erode", str(step.dilate)
    yield "mask merge invert", MERGES[step.merge]
    yield "mask blur", str(step.blur)
    yield "denoising strength", number(step.strength)
    yield "inpaint only masked", "True"
    yield "inpaint padding", str(step.padding)
    if step.width and step.height:
        yield "use inpaint width height", "True"
        yield "inpaint width", str(step.width)
        yield "inpaint height", str(step.height)
    if step.steps:
        yield "use separate steps", "True"
        yield "steps", str(step.steps)
    if step.guidance_scale is not None:
        yield "use separate CFG scale", "True"
        yield "CFG scale", number(step.guidance_scale)
