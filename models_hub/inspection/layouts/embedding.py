"""Embeddings (textual inversion): vectors that stand for a word of a prompt.

``emb_params`` in A1111's files for SD 1.5, ``clip_l`` and ``clip_g`` in those for SDXL; diffusers names the
tensor by the word itself, in angle brackets.
"""

from typing import Final

from models_hub.inspection.findings import Family, Kind, broken_tensor
from models_hub.inspection.layouts.layout import Layout, text_family
from models_hub.safetensors_header import SafetensorsHeader

MAX_VECTORS: Final = 75
"""As many as there are places in a chunk of the prompt."""
NAMES: Final = frozenset({"emb_params", "clip_l", "clip_g"})


def _is_word(name: str) -> bool:
    return name.startswith("<") and name.endswith(">")


def _matches(header: SafetensorsHeader) -> bool:
    if len(header.tensors) == 1 and _is_word(next(iter(header.tensors))):
        return True
    return bool(header.tensors) and set(header.tensors) <= NAMES


def _family(header: SafetensorsHeader) -> Family:
    for name, tensor in header.tensors.items():
        shape = tensor.shape if len(tensor.shape) != 1 else (1, *tensor.shape)
        if len(shape) != 2 or not 1 <= shape[0] <= MAX_VECTORS or shape[1] < 1:
            raise broken_tensor(name, f"is not between 1 and {MAX_VECTORS} vectors")
    if "clip_g" in header.tensors:
        return Family.SDXL
    return text_family({tensor.shape[-1] for tensor in header.tensors.values()})


LAYOUT: Final = Layout(Kind.EMBEDDING, _matches, _family)
