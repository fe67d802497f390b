"""From prompts to what the denoiser attends to.

A prompt becomes chunks of 75 tokens, each encoded by CLIP on its own between its two markers; the encoded
chunks of a long prompt are laid end to end, as AUTOMATIC1111 does. ``prompt_chunks`` is the seam for a
prompt syntax.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from generation.engine.errors import EngineError
from generation.engine.lru import ByteLru
from generation.engine.spec import GenerationRequest

if TYPE_CHECKING:
    from generation.engine.checkpoints.components import Checkpoint
    from generation.engine.checkpoints.tokenizer import Tokenizer

CHUNK_TOKENS: Final = 75
"""CLIP's 77 positions less the two markers."""
COMMA_BACKTRACK: Final = 20
"""A full chunk is cut after a comma at most this many tokens back, so that no phrase is torn (A1111)."""
CACHE_BYTES: Final = 64 * 2**20

Chunk = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Conditioning:
    """Encoded prompts: ``[1, 77 * chunks, width]`` each, in the model's dtype, on the device."""

    positive: torch.Tensor
    negative: torch.Tensor | None
    """None when the request is not guided."""
    chunks: int


def prompt_chunks(text: str, tokenizer: "Tokenizer") -> list[Chunk]:
    """Token ids of ``text`` without markers, in chunks of at most 75; at least one, which may be empty."""
    chunks: list[Chunk] = []
    rest: Sequence[int] = tokenizer.ids(text)
    while len(rest) > CHUNK_TOKENS:
        cut = _cut(rest[:CHUNK_TOKENS], tokenizer.comma)
        chunks.append(tuple(rest[:cut]))
        rest = rest[cut:]
    return [*chunks, tuple(rest)]


def _cut(tokens: Sequence[int], comma: int | None) -> int:
    for position in range(len(tokens), len(tokens) - COMMA_BACKTRACK, -1):
        if tokens[position - 1] == comma:
            return position
    return len(tokens)


class Conditioner:
    """Encodes requests; remembers chunks, which is exact, since each is encoded alone in a batch of one."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._cache: ByteLru[tuple[str, int, Chunk], torch.Tensor] = ByteLru(limit)

    @property
    def nbytes(self) -> int:
        """Memory of the remembered chunks."""
        return self._cache.nbytes

    def encode(self, key: str, checkpoint: "Checkpoint", request: GenerationRequest) -> Conditioning:
        """``key`` names the checkpoint. Raises ``EngineError("invalid_request", field="clip_skip")``."""
        layers = checkpoint.text_encoder.config.num_hidden_layers
        if request.clip_skip >= layers:
            raise EngineError(
                "invalid_request",
                f"This model's text encoder has {layers} layers; {request.clip_skip} cannot be left out.",
                field="clip_skip",
            )
        guided = request.guidance_scale > 1.0
        positive = prompt_chunks(request.prompt, checkpoint.tokenizer)
        negative = prompt_chunks(request.negative_prompt, checkpoint.tokenizer) if guided else []
        # Both halves go through the denoiser in one call, so the shorter one is filled up with empty chunks.
        length = max(len(positive), len(negative))

        def joined(chunks: list[Chunk]) -> torch.Tensor:
            filled = [*chunks, *([()] * (length - len(chunks)))]
            return torch.cat([self._encoded(key, checkpoint, request.clip_skip, c) for c in filled], dim=1)

        return Conditioning(joined(positive), joined(negative) if guided else None, length)

    def _encoded(self, key: str, checkpoint: "Checkpoint", clip_skip: int, chunk: Chunk) -> torch.Tensor:
        found = self._cache.get((key, clip_skip, chunk))
        if found is None:
            found = _clip(checkpoint, clip_skip, chunk)
            self._cache.put((key, clip_skip, chunk), found, found.numel() * found.element_size())
            self._cache.shrink()
        return found


def _clip(checkpoint: "Checkpoint", clip_skip: int, chunk: Chunk) -> torch.Tensor:
    tokenizer, encoder = checkpoint.tokenizer, checkpoint.text_encoder
    padding = [tokenizer.pad] * (CHUNK_TOKENS - len(chunk))
    ids = torch.tensor([[tokenizer.bos, *chunk, tokenizer.eos, *padding]], device=encoder.device)
    if not clip_skip:
        plain: torch.Tensor = encoder(ids).last_hidden_state
        return plain
    hidden = encoder(ids, output_hidden_states=True).hidden_states[-(clip_skip + 1)]
    # The skipped layers end before the final norm, which the U-Net was trained behind.
    skipped: torch.Tensor = encoder.final_layer_norm(hidden)
    return skipped
