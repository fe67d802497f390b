"""T2I-Adapters, which serve as ControlNets do: as TencentARC publishes them, and as diffusers writes them
(``adapter.`` before every name).

Full adapters begin with ``conv_in``; light ones, which exist for SD 1.5 alone, with ``body.0.in_conv``. Both
see the control picture folded (pixel unshuffle): 8 x 8 pixels in one for SD 1.5, 16 x 16 for SDXL.
"""

import re
from typing import Final

from models_hub.inspection.findings import Family, Kind, broken_tensor
from models_hub.inspection.layouts.layout import Layout
from models_hub.safetensors_header import SafetensorsHeader

FULL: Final = re.compile(r"(?:adapter\.)?conv_in\.weight")
FULL_BODY: Final = re.compile(r"(?:adapter\.)?body\.0\.(?:resnets\.0\.)?block1\.weight")
LIGHT: Final = re.compile(r"(?:adapter\.)?body\.0\.in_conv\.weight")
LIGHT_BODY: Final = re.compile(r"(?:adapter\.)?body\.0\.(?:resnets|body)\.0\.block1\.weight")
FOLDINGS: Final = {8 * 8: Family.SD15, 16 * 16: Family.SDXL}
"""Pixels folded into one, times one colour or three."""
FIRST_WIDTH: Final = 320
"""Channels of the first features of SD 1.5 and SDXL; another width is a network of somebody's own."""


def matches(header: SafetensorsHeader) -> bool:
    """Whether it is nothing but an adapter's body."""
    names = header.tensors
    return any(
        any(first.fullmatch(name) for name in names) and any(body.fullmatch(name) for name in names)
        for first, body in ((FULL, FULL_BODY), (LIGHT, LIGHT_BODY))
    )


def family(header: SafetensorsHeader) -> Family:
    """By how many pixels are folded into one."""
    name = next(name for name in header.tensors if FULL.fullmatch(name) or LIGHT.fullmatch(name))
    shape = header.shape(name)
    if len(shape) != 4:
        raise broken_tensor(name, "does not take pictures")
    if FULL.fullmatch(name) and shape[0] != FIRST_WIDTH:
        return Family.UNKNOWN
    return next(
        (found for pixels, found in FOLDINGS.items() if shape[1] in (pixels, 3 * pixels)), Family.UNKNOWN
    )


LAYOUT: Final = Layout(Kind.CONTROLNET, matches, family)
