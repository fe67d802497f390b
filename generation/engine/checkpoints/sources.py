"""Where a single file keeps each component of each family, and how its tensors become diffusers'."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from generation.engine.checkpoints import infer, ldm_layout, open_clip
from generation.engine.checkpoints.families import Component, Family
from generation.engine.checkpoints.header import Shape

if TYPE_CHECKING:
    import torch

Translate = Callable[[str, "torch.Tensor"], Iterator[tuple[str, "torch.Tensor"]]]
"""What one original tensor, its name without the prefix, becomes."""
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """One component's place in the file."""

    prefixes: tuple[str, ...]
    """The first one that fits a name is cut off."""
    config: Callable[[Mapping[str, Shape]], dict[str, Any]]
    """Its configuration, inferred from the shapes without prefix."""
    translate: Callable[[Config], Translate]
    """The translation for a component of that configuration."""

    def shapes(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        """Those of a file's ``shapes`` that belong here, without prefix."""
        named = ((self.strip(name), shape) for name, shape in shapes.items())
        return {name: shape for name, shape in named if name is not None}

    def strip(self, name: str) -> str | None:
        """A tensor's name without prefix, or None when it belongs elsewhere."""
        for prefix in self.prefixes:
            if name.startswith(prefix):
                return name[len(prefix) :]
        return None


def _renamed(pairs: Callable[[Config], Iterator[ldm_layout.Pair]], config: Config) -> Translate:
    name_of = ldm_layout.translator(pairs(config))
    return lambda name, tensor: iter([(name_of(name), tensor)])


def _as_it_is(_config: Config) -> Translate:
    return lambda name, tensor: iter([(name, tensor)])


def _vae(family: Family) -> Source:
    config = partial(infer.vae_config, family=family)
    return Source((ldm_layout.VAE_PREFIX,), config, partial(_renamed, ldm_layout.vae_pairs))


def _clip(prefixes: tuple[str, ...]) -> Source:
    return Source(prefixes, infer.text_config, _as_it_is)


_UNET: Final = Source((ldm_layout.UNET_PREFIX,), infer.unet_config, partial(_renamed, ldm_layout.unet_pairs))
_OPEN_CLIP: Final = Source((open_clip.PREFIX,), open_clip.text_config, lambda _config: open_clip.parameters)
SOURCES: Final[Mapping[Family, Mapping[Component, Source]]] = {
    "sd15": {
        "unet": _UNET,
        "vae": _vae("sd15"),
        "text_encoder": _clip(ldm_layout.TEXT_PREFIXES),
    },
    "sdxl": {
        "unet": _UNET,
        "vae": _vae("sdxl"),
        "text_encoder": _clip(ldm_layout.XL_TEXT_PREFIXES),
        "text_encoder_2": _OPEN_CLIP,
    },
}
