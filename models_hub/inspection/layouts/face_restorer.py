"""Face restorers: GFPGAN (as first published, and "clean", without CUDA extensions) and CodeFormer."""

from typing import Final

from models_hub.inspection.findings import Family, Kind, broken_tensor
from models_hub.inspection.layouts.layout import Layout
from models_hub.safetensors_header import SafetensorsHeader

GFPGAN: Final = (
    frozenset(
        {"conv_body_first.weight", "toRGB.0.weight", "stylegan_decoder.style_conv1.modulated_conv.weight"}
    ),
    frozenset({"conv_body_first.0.weight", "toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"}),
)
CODEFORMER: Final = frozenset(
    {"position_emb", "quantize.embedding.weight", "encoder.blocks.0.weight", "generator.blocks.0.weight"}
)
FIRST_LAYERS: Final = ("conv_body_first.weight", "conv_body_first.0.weight", "encoder.blocks.0.weight")
COLOURS: Final = 3


def _matches(header: SafetensorsHeader) -> bool:
    return any(header.tensors.keys() >= signs for signs in (*GFPGAN, CODEFORMER))


def _family(header: SafetensorsHeader) -> Family:
    """They belong to no family; what they take has to be a picture."""
    for name in FIRST_LAYERS:
        shape = header.shape(name)
        if name in header.tensors and (len(shape) != 4 or shape[1] != COLOURS):
            raise broken_tensor(name, "does not take pictures in three colours")
    return Family.UNKNOWN


LAYOUT: Final = Layout(Kind.FACE_RESTORER, _matches, _family)
