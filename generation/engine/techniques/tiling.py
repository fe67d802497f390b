"""Seamless pictures: every convolution sees the opposite border beyond the border."""

from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, ClassVar

import torch

from generation.engine.techniques.technique import Technique

if TYPE_CHECKING:
    from generation.engine.denoiser import DenoiserCall


class Tiling(Technique):
    """Circular padding in the denoiser and in the VAE, as A1111's "Tiling"."""

    patches_network: ClassVar[bool] = True

    @property
    def key(self) -> Hashable:
        return "tiling"

    def patched(self, call: "DenoiserCall") -> AbstractContextManager[None]:
        return _circular(call.checkpoint.unet)

    def decoding(self, vae: torch.nn.Module) -> AbstractContextManager[None]:
        return _circular(vae)


@contextmanager
def _circular(network: torch.nn.Module) -> Iterator[None]:
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    before = [module.padding_mode for module in convolutions]
    try:
        for module in convolutions:
            module.padding_mode = "circular"
        yield
    finally:
        for module, mode in zip(convolutions, before, strict=True):
            module.padding_mode = mode
