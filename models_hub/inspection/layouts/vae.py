"""VAEs in one file. Those of SD 1.5 and SDXL, and those of SD3 and Flux, look alike."""

from typing import Final

from models_hub.inspection.findings import Kind
from models_hub.inspection.layouts.layout import Layout, family_untold
from models_hub.safetensors_header import SafetensorsHeader

BOTH_ENDS: Final = ("decoder.conv_in.weight", "encoder.conv_in.weight")


def matches(header: SafetensorsHeader) -> bool:
    """Whether there are an encoder and a decoder."""
    return all(name in header.tensors for name in BOTH_ENDS)


LAYOUT: Final = Layout(Kind.VAE, matches, family_untold)
