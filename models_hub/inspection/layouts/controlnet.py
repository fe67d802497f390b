"""ControlNets in one file: as first published (``control_model.``), and as diffusers writes them."""

from typing import Final

from models_hub.inspection.findings import Family, Kind, broken_tensor
from models_hub.inspection.layouts.layout import Layout, any_beginning, any_name, text_family
from models_hub.safetensors_header import SafetensorsHeader

FIRST_LAYERS: Final = ("controlnet_cond_embedding.conv_in.weight", "input_hint_block.0.weight")
"""Of diffusers and of the first publication (after its prefix): what looks at the control picture."""
XL_PARTS: Final = ("add_embedding.linear_1.", "label_emb.0.0.")
"""SDXL alone gives a UNet the picture's size."""


def matches(header: SafetensorsHeader) -> bool:
    """Whether there is a layer that looks at a control picture."""
    return any_name(header, ["controlnet_cond_embedding.", "input_hint_block."])


def family(header: SafetensorsHeader) -> Family:
    """By the text's width; one without attention does not tell."""
    for name, tensor in header.tensors.items():
        if name.endswith(FIRST_LAYERS) and (len(tensor.shape) != 4 or tensor.shape[1] != 3):
            raise broken_tensor(name, "does not take pictures in three colours")
    widths = {
        tensor.shape[1]
        for name, tensor in header.tensors.items()
        if name.endswith("attn2.to_k.weight") and len(tensor.shape) == 2
    }
    found = text_family(widths)
    has_size = any_name(header, XL_PARTS) or any_beginning(header, ("control_model.label_emb.",))
    return Family.SDXL if found is Family.UNKNOWN and has_size else found


LAYOUT: Final = Layout(Kind.CONTROLNET, matches, family)
