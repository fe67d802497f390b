"""One row's share in a technique: what it changes in the denoiser's calls that the row takes part in."""

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, ClassVar, Self

import torch

if TYPE_CHECKING:
    from PIL.Image import Image

    from generation.engine.denoiser import DenoiserCall, Prediction
    from generation.engine.rows import Row


class Technique:
    """Everything is optional. The hooks of a call are called in the order in which its rows name their
    techniques.

    Whatever ``patched`` changes must be as before when it ends, bit for bit: the next tick belongs to others.
    """

    patches_network: ClassVar[bool] = False
    """Whether ``patched`` changes what the network does, not its weights alone: then nothing is compiled."""
    extra_places: ClassVar[int] = 0
    """Further evaluations per row and call that it wants, all told what the first part of the prompt is."""

    @property
    def key(self) -> Hashable:
        """Rows share a call only where the keys of their techniques are equal, one by one. None: it has no
        part in the call itself (neither ``patched`` nor ``join``), and rows without it may share one too.
        """
        return None

    @property
    def maps(self) -> "tuple[Image, ...]":
        """Control maps that people may want to look at."""
        return ()

    def patched(self, call: "DenoiserCall") -> AbstractContextManager[None]:
        """What the denoiser is during a call of rows with this key."""
        del call
        return nullcontext()

    def decoding(self, vae: torch.nn.Module) -> AbstractContextManager[None]:
        """What the VAE is while this row's picture is encoded or decoded."""
        del vae
        return nullcontext()

    def join(self, call: "DenoiserCall", peers: Sequence[Self]) -> None:
        """Add to the call. ``peers`` are the same technique of every row in it, padding included."""

    def guide(self, row: "Row", prediction: "Prediction", extra: Sequence[torch.Tensor]) -> "Prediction":
        """What becomes of the row's prediction; ``extra`` are the outputs at this technique's extra places,
        ``[1, 4, h, w]`` each.
        """
        del row, extra
        return prediction

    def stepped(self, row: "Row") -> None:
        """Called after each of the row's sampler steps; may change ``row.latents``."""
