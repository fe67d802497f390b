"""Perturbed-attention guidance: away from what the denoiser would say if it could not attend (Ahn et al.
2024, arXiv:2403.17377).
"""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from generation.engine.techniques.technique import Technique

if TYPE_CHECKING:
    from generation.engine.denoiser import DenoiserCall, Prediction
    from generation.engine.rows import Row


@dataclass(frozen=True, slots=True)
class PerturbedAttention(Technique):
    """In the middle block, as the paper and diffusers choose. Rows of any scale share a call."""

    scale: float
    extra_places: ClassVar[int] = 1
    patches_network: ClassVar[bool] = True

    @property
    def key(self) -> Hashable:
        return "PAG"

    def patched(self, call: "DenoiserCall") -> AbstractContextManager[None]:
        return _perturbed(call)

    def guide(self, row: "Row", prediction: "Prediction", extra: Sequence[torch.Tensor]) -> "Prediction":
        if prediction.conditional is None:
            return prediction
        [perturbed] = extra
        return prediction._replace(
            guided=prediction.guided + self.scale * (prediction.conditional - perturbed)
        )


class _IdentityAttention:
    """An attention processor under which the last rows of the batch attend to themselves alone."""

    def __init__(self, plain: Any, rows: int) -> None:
        self._plain = plain
        self._rows = rows

    def __call__(self, attention: Any, hidden_states: torch.Tensor, **options: Any) -> torch.Tensor:
        kept, blind = hidden_states.split([len(hidden_states) - self._rows, self._rows])
        # With the identity in place of the attention map, every token's value goes through as it is.
        value = attention.to_out[1](attention.to_out[0](attention.to_v(blind)))
        return torch.cat([self._plain(attention, kept, **options), value / attention.rescale_output_factor])


@contextmanager
def _perturbed(call: "DenoiserCall") -> Iterator[None]:
    middle = call.checkpoint.unet.mid_block
    attentions = [
        block.attn1
        for transformer in (getattr(middle, "attentions", None) or ())
        for block in transformer.transformer_blocks
    ]
    before = [attention.processor for attention in attentions]
    try:
        for attention in attentions:
            attention.processor = _IdentityAttention(attention.processor, len(call.rows))
        yield
    finally:
        for attention, processor in zip(attentions, before, strict=True):
            attention.processor = processor
