"""T2I-Adapters: their names in TencentARC's own files, and the configuration that shapes show.

Needs no torch. diffusers names everything below ``adapter.``, groups the blocks of a level as ``resnets`` and
calls the light adapter's inner blocks likewise.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from generation.engine.checkpoints.header import Shape
from generation.engine.checkpoints.infer import IndescribableError, count_indexes

PREFIX: Final = "adapter."
SIGNS: Final = (
    "adapter.body.0.resnets.0.block1.weight",
    "body.0.block1.weight",
    "body.0.body.0.block1.weight",
)
"""One of these names is in every T2I-Adapter and in nothing else: diffusers' files, and TencentARC's full and
light ones.
"""
_LAYERS: Final = 2
"""Blocks per level of TencentARC's full adapters, whose files number them through."""
LEVELS: Final = 4
_FACTORS: Final = (8, 16)
"""Pixels that become one cell at once: of SD1.x' adapters, and of SDXL's."""

Shapes = Mapping[str, Shape]


def t2i_name(name: str, shapes: Shapes) -> str:
    """diffusers' name of a file's tensor."""
    if name.startswith(PREFIX):
        return name
    if SIGNS[1] not in shapes:
        return PREFIX + re.sub(r"^body\.(\d+)\.body\.", r"body.\1.resnets.", name)
    found = re.match(r"body\.(\d+)\.(.*)", name)
    if found is None:
        return PREFIX + name
    level, layer = divmod(int(found[1]), _LAYERS)
    if found[2].startswith("in_conv."):
        return f"{PREFIX}body.{level}.{found[2]}"
    return f"{PREFIX}body.{level}.resnets.{layer}.{found[2]}"


def t2i_config(shapes: Shapes) -> dict[str, Any]:
    """A ``T2IAdapter``'s configuration from its ``shapes`` by diffusers' names.

    Raises KeyError for a missing tensor and ``IndescribableError``.
    """
    levels = count_indexes(shapes, r"adapter\.body\.(\d+)\.")
    layers = count_indexes(shapes, r"adapter\.body\.0\.resnets\.(\d+)\.")
    if levels != LEVELS:
        raise IndescribableError(f"it has {levels} levels, not {LEVELS}")
    light = "adapter.conv_in.weight" not in shapes
    last = "out_conv" if light else "resnets.0.block2"
    channels = [shapes[f"adapter.body.{level}.{last}.weight"][0] for level in range(levels)]
    pixels = shapes["adapter.body.0.in_conv.weight" if light else "adapter.conv_in.weight"][1]
    for factor in _FACTORS:
        if pixels in (factor**2, 3 * factor**2):
            return {
                "adapter_type": _kind(factor, light=light),
                "in_channels": pixels // factor**2,
                "downscale_factor": factor,
                # The light adapter's list leaves out that its last two levels are equally wide.
                "channels": channels[:-1] if light else channels,
                "num_res_blocks": layers,
            }
    raise IndescribableError(f"its first layer takes {pixels} channels")


def _kind(factor: int, *, light: bool) -> str:
    if light:
        return "light_adapter"
    return "full_adapter_xl" if factor == _FACTORS[1] else "full_adapter"
