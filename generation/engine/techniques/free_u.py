"""FreeU: stronger backbone features, weaker skip features, for free (Si et al. 2023, arXiv:2309.11497)."""

from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from generation.engine.spec import FreeU
from generation.engine.techniques.technique import Technique

if TYPE_CHECKING:
    from generation.engine.denoiser import DenoiserCall


@dataclass(frozen=True, slots=True)
class FreeUpscaling(Technique):
    """diffusers' own, in the first two levels of the way up."""

    factors: FreeU
    patches_network: ClassVar[bool] = True

    @property
    def key(self) -> Hashable:
        return ("FreeU", self.factors)

    def patched(self, call: "DenoiserCall") -> AbstractContextManager[None]:
        return _enabled(call.checkpoint.unet, self.factors)


@contextmanager
def _enabled(unet: Any, factors: FreeU) -> Iterator[None]:
    try:
        unet.enable_freeu(s1=factors.s1, s2=factors.s2, b1=factors.b1, b2=factors.b2)
        yield
    finally:
        unet.disable_freeu()
