"""LoRAs and LyCORIS networks: the denoiser with other weights."""

from collections.abc import Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generation.engine.networks import DENOISER, Merged
from generation.engine.techniques.technique import Technique

if TYPE_CHECKING:
    from generation.engine.denoiser import DenoiserCall


@dataclass(frozen=True, slots=True)
class NetworkWeights(Technique):
    """Merged weights in the place of the denoiser's own."""

    weights: Merged
    identity: str
    """What tells this set of networks from others."""

    @property
    def key(self) -> Hashable:
        return ("networks", self.identity)

    def patched(self, call: "DenoiserCall") -> AbstractContextManager[None]:
        return self.weights.applied(DENOISER, call.checkpoint.unet)
