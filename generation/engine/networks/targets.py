"""Which modules of a checkpoint a network's layer names mean.

Names come with underscores, so they cannot be taken apart; instead, every module of the checkpoint is listed
under all names that files have for it: its own, those of the original Stable Diffusion layout for U-Nets, and
those of the original Flux and SD3 layouts, whose layers hold several of diffusers' end to end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from torch import nn

from generation.engine.checkpoints import dit_layout, ldm_layout

TEXT_ALIASES: Final[Mapping[str, str]] = {
    "q_proj": "to_q",
    "k_proj": "to_k",
    "v_proj": "to_v",
    "out_proj": "to_out",
}
"""diffusers' attention processors, long gone, named the text encoder's projections like the U-Net's."""


@dataclass(frozen=True, slots=True)
class Target:
    """The weight that a layer changes."""

    modules: tuple[str, ...]
    """Their weights end to end along the output axis are what the layer changes; mostly it is one."""
    swapped: bool = False
    """The layer has the two halves of the output the other way round."""


def targets(root: nn.Module) -> dict[str, Target]:
    """The modules of a denoiser or a text encoder by their names in files."""
    names = [name for name, module in root.named_modules() if name and _is_weighted(module)]
    found: dict[str, Target] = {}
    for name in names:
        for alias in _aliases(name):
            found.setdefault(alias.replace(".", "_"), Target((name,)))
    for alias, target in _original(root, names):
        found.setdefault(alias.replace(".", "_"), target)
    return found


def _is_weighted(module: nn.Module) -> bool:
    return isinstance(getattr(module, "weight", None), nn.Parameter)


def _aliases(name: str) -> Iterator[str]:
    yield name
    if name.endswith(".to_out.0"):
        yield name.removesuffix(".0")
    bare = name.removeprefix("text_model.")
    if bare.startswith(("encoder.", "embeddings.", "final_layer_norm")) or bare != name:
        block, _, last = bare.rpartition(".")
        for alias in (bare, f"{block}.{TEXT_ALIASES.get(last, last)}"):
            yield alias
            yield f"text_model.{alias}"


def _original(root: nn.Module, names: list[str]) -> Iterator[tuple[str, Target]]:
    config: Any = getattr(root, "config", None)
    if not isinstance(config, Mapping):
        return
    if "down_block_types" in config:
        original = ldm_layout.translator((ours, theirs) for theirs, ours in ldm_layout.unet_pairs(config))
        for name in names:
            yield original(f"{name}.weight").removesuffix(".weight"), Target((name,))
        return
    known = set(names)
    for alias, modules, swapped in dit_layout.layer_pairs(config):
        if known.issuperset(modules):
            yield alias, Target(modules, swapped)
