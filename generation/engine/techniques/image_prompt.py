"""IP-Adapter (Ye et al. 2023, arXiv:2308.06721): the denoiser attends to pictures beside the text."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch.nn.functional import linear, scaled_dot_product_attention

from generation.engine.checkpoints.ip_adapter import cross_attentions
from generation.engine.techniques.technique import Technique

if TYPE_CHECKING:
    from generation.engine.checkpoints.ip_adapter import IpAdapter
    from generation.engine.denoiser import DenoiserCall
    from generation.engine.rows import Row


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ImagePrompt:
    """The pictures that one unit shows a row."""

    model: str
    """The adapter's key in the model cache."""
    adapter: "IpAdapter"
    tokens: torch.Tensor
    """``[1, n, text width]``: all pictures' tokens, one after the other."""
    without: torch.Tensor
    """Likewise for the half without the prompt: what no picture looks like."""
    scale: float
    start: float
    end: float

    def scale_at(self, row: "Row") -> float:
        return self.scale if row.within(self.start, self.end) else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ImagePrompts(Technique):
    """All the pictures of a row. Rows share a call where they look through the same adapters at equally many
    tokens; pictures, scales and ranges are each row's own.
    """

    prompts: tuple[ImagePrompt, ...]
    patches_network: ClassVar[bool] = True

    @property
    def key(self) -> Hashable:
        return ("IP-Adapter", *((prompt.model, prompt.tokens.shape[1]) for prompt in self.prompts))

    def patched(self, call: "DenoiserCall") -> AbstractContextManager[None]:
        peers = [each for row in call.rows for each in row.techniques if isinstance(each, ImagePrompts)]
        shown = [_shown(call, prompts) for prompts in zip(*(peer.prompts for peer in peers), strict=True)]
        seen = [prompt for prompt in shown if prompt is not None]
        return _attending(call.checkpoint.unet, seen) if seen else nullcontext()


class _Shown(NamedTuple):
    """One unit's pictures in a call."""

    adapter: "IpAdapter"
    tokens: torch.Tensor
    """``[batch, n, text width]``."""
    scales: torch.Tensor
    """``[batch, 1, 1]``."""


def _shown(call: "DenoiserCall", prompts: Sequence[ImagePrompt]) -> _Shown | None:
    """The rows' prompts of one unit at every place of the call; None where none of them shows now."""
    scales = [prompt.scale_at(row) for prompt, row in zip(prompts, call.rows, strict=True)]
    if not any(scales):
        return None
    negatives = int(call.rows[0].key.guided)
    told = [prompt.without for prompt in prompts] * negatives
    told += [prompt.tokens for prompt in prompts] * (call.places - negatives)
    return _Shown(prompts[0].adapter, torch.cat(told), call.spread(scales)[:, 0])


class _ImageAttention:
    """An attention processor that adds what the pictures say to what another processor says of the text."""

    def __init__(self, plain: Any, layer: int, prompts: Sequence[_Shown]) -> None:
        self._plain = plain
        self._layer = layer
        self._prompts = prompts

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **options: Any,
    ) -> torch.Tensor:
        query = _heads(attn.to_q(hidden_states), attn.heads)
        seen = sum(self._seen(prompt, query) for prompt in self._prompts)
        # Added where the text's part goes into the output projection, whose weights may lie anywhere.
        adding = attn.to_out[0].register_forward_pre_hook(lambda _, given: (given[0] + seen, *given[1:]))
        try:
            said: torch.Tensor = self._plain(
                attn, hidden_states, encoder_hidden_states, attention_mask, **options
            )
        finally:
            adding.remove()
        return said

    def _seen(self, prompt: _Shown, query: torch.Tensor) -> torch.Tensor:
        """What one unit's pictures say to the queries, ``[batch, n, width]``."""
        attention, heads = prompt.adapter.attention, query.shape[1]
        key = _heads(linear(prompt.tokens, attention.keys[self._layer]), heads)
        value = _heads(linear(prompt.tokens, attention.values[self._layer]), heads)
        found = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return prompt.scales * found


def _heads(states: torch.Tensor, heads: int) -> torch.Tensor:
    """``[batch, n, width]`` as ``[batch, heads, n, width / heads]``."""
    batch, count, width = states.shape
    return states.view(batch, count, heads, width // heads).transpose(1, 2)


@contextmanager
def _attending(unet: torch.nn.Module, prompts: Sequence[_Shown]) -> Iterator[None]:
    layers = [attention for _, attention in cross_attentions(unet)]
    before = [layer.processor for layer in layers]
    try:
        for index, layer in enumerate(layers):
            layer.processor = _ImageAttention(layer.processor, index, prompts)
        yield
    finally:
        for layer, processor in zip(layers, before, strict=True):
            layer.processor = processor
