"""Layers of Flux and SD3 by their original names, beside the modules of diffusers that they consist of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generation.engine.checkpoints import dit_layout
from generation.engine.checkpoints.dit_layout import SWAPPED

Named = tuple[str, tuple[str, ...], bool]
"""The original name, diffusers' modules end to end, and whether the halves of the output are swapped."""


def pairs(config: Mapping[str, Any]) -> Iterator[Named]:
    """All original layers of a ``FluxTransformer2DModel`` or an ``SD3Transformer2DModel`` of that
    configuration; none of other classes.
    """
    if "num_single_layers" in config:
        yield from _outside(dit_layout.FLUX_OUTSIDE)
        double = _split(dit_layout.FLUX_DOUBLE) | dict(dit_layout.FLUX_DOUBLE_MERGED)
        yield from _blocks("double_blocks", "transformer_blocks", config["num_layers"], double)
        single = {**_split(dit_layout.FLUX_SINGLE), "linear1": dit_layout.FLUX_SINGLE_MERGED}
        yield from _blocks("single_blocks", "single_transformer_blocks", config["num_single_layers"], single)
    elif "joint_attention_dim" in config:
        count = config["num_layers"]
        yield from _outside(dit_layout.SD3_OUTSIDE)
        block = _split(dit_layout.SD3_BLOCK) | dict(dit_layout.SD3_MERGED)
        swapped = f"joint_blocks.{count - 1}.{dit_layout.SD3_LAST}"
        for alias, modules, _ in _blocks("joint_blocks", "transformer_blocks", count, block):
            yield alias, modules, alias == swapped


def _split(layers: Mapping[str, str]) -> dict[str, Sequence[str]]:
    return {original: (module,) for original, module in layers.items()}


def _outside(names: Mapping[str, str]) -> Iterator[Named]:
    for original, ours in names.items():
        yield original, (ours.removeprefix(SWAPPED),), ours.startswith(SWAPPED)


def _blocks(original: str, ours: str, count: int, layers: Mapping[str, Sequence[str]]) -> Iterator[Named]:
    for number in range(count):
        for layer, modules in layers.items():
            block = f"{ours}.{number}"
            yield f"{original}.{number}.{layer}", tuple(f"{block}.{each}" for each in modules), False
