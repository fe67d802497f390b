"""LoRAs as kohya's scripts, diffusers and peft write them, and LyCORIS, which kohya's scripts write too.

A name is that of the layer, in whatever notation, and then that of the factor: ``lora_unet_<layer>.lora_down.
weight`` (kohya), ``unet.<layer>.lora_A.weight`` (peft), ``unet.<layer>.lora.down.weight`` (older diffusers),
``lora_unet_<layer>.hada_w1_a`` (LyCORIS).
"""

import re
from collections.abc import Iterator
from typing import Final

from models_hub.inspection.findings import Family, Kind, broken_tensor
from models_hub.inspection.layouts.layout import Layout, any_name, text_family
from models_hub.safetensors_header import SafetensorsHeader

PAIRS: Final = ((".lora_down.", ".lora_up."), (".lora_A.", ".lora_B."), (".lora.down.", ".lora.up."))
"""First and second factor, whose inner sizes are the rank."""
LYCORIS: Final = (".hada_w1_a", ".lokr_w1", ".lokr_w1_a", ".oft_blocks", ".oft_diag", ".on_input")
LYCORIS_LAYER: Final = re.compile(r"(lora|lycoris|oft)_(unet|te\d?|transformer)_")
FLUX_LAYERS: Final = ("double_blocks", "single_transformer_blocks")
SECOND_TEXT_ENCODER: Final = ("lora_te2_", "text_encoder_2.")
XL_LAYERS: Final = ("lora_unet_input_blocks_", "lora_unet_output_blocks_")
"""kohya's scripts name the layers of SDXL, and of no other family, as its first publication did."""


def _matches(header: SafetensorsHeader) -> bool:
    if any_name(header, [first for first, _ in PAIRS]):
        return True
    return any(name.endswith(LYCORIS) and LYCORIS_LAYER.match(name) for name in header.tensors)


def _family(header: SafetensorsHeader) -> Family:
    _require_ranks(header)
    if any_name(header, FLUX_LAYERS):
        return Family.FLUX
    if any_name(header, ["joint_blocks"]):
        return Family.SD3
    found = text_family(_text_widths(header))
    if found is Family.UNKNOWN and any_name(header, [*SECOND_TEXT_ENCODER, *XL_LAYERS]):
        return Family.SDXL
    return found


def _require_ranks(header: SafetensorsHeader) -> None:
    for name, first, second in _factors(header):
        if len(first) < 2 or len(second) != len(first) or first[0] != second[1]:
            raise broken_tensor(name, "does not fit its other half")


def _factors(header: SafetensorsHeader) -> Iterator[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """The name of each first factor, its shape and that of the second one, where there is one."""
    for name, tensor in header.tensors.items():
        for first, second in PAIRS:
            other = header.tensors.get(name.replace(first, second)) if first in name else None
            if other is not None:
                yield name, tensor.shape, other.shape


def _text_widths(header: SafetensorsHeader) -> set[int]:
    """How wide the text is where the UNet looks at it."""
    factors = (*(first for first, _ in PAIRS), ".hada_w1_b")
    return {
        tensor.shape[1]
        for name, tensor in header.tensors.items()
        if "attn2" in name
        and "to_k" in name
        and any(factor in name for factor in factors)
        and len(tensor.shape) > 1
    }


LAYOUT: Final = Layout(Kind.LORA, _matches, _family)
