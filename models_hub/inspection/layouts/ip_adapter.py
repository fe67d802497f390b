"""IP-Adapters: a projection of the picture's embedding, and keys and values for every cross-attention."""

from typing import Final

from models_hub.inspection.findings import Family, Kind, unknown_model
from models_hub.inspection.layouts.layout import Layout, any_beginning, text_family
from models_hub.safetensors_header import SafetensorsHeader

PROJECTION: Final = "image_proj."
ATTENTION: Final = "ip_adapter."


def _matches(header: SafetensorsHeader) -> bool:
    return any_beginning(header, (PROJECTION, ATTENTION))


def _family(header: SafetensorsHeader) -> Family:
    for what, beginning in (("projection", PROJECTION), ("attention", ATTENTION)):
        if not any_beginning(header, (beginning,)):
            raise unknown_model(f"It is a part of an IP-Adapter: it has no image {what}.")
    widths = {
        tensor.shape[1]
        for name, tensor in header.tensors.items()
        if name.startswith(ATTENTION) and name.endswith("to_k_ip.weight") and len(tensor.shape) == 2
    }
    if not widths:
        raise unknown_model("It is not an IP-Adapter of a known layout: it has no keys for the picture.")
    return text_family(widths)


LAYOUT: Final = Layout(Kind.IP_ADAPTER, _matches, _family)
