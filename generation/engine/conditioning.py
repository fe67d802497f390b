"""From prompts to what the denoiser attends to.

A prompt becomes chunks of 75 tokens, each encoded by CLIP on its own between its two markers; the encoded
chunks of a long prompt are laid end to end, as AUTOMATIC1111 does. ``prompt_chunks`` is the seam for a
prompt syntax.

SDXL reads every chunk with two encoders and lays what they say side by side. Besides, it wants the meaning of
the whole prompt in one vector, for which the second encoder's of the first chunk stands, and the picture's
size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
class Condition:
    """What the denoiser is told about one picture, in the model's dtype, on the device."""

    text: torch.Tensor
    """``[1, 77 * chunks, width]``."""
    added: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """SDXL's ``text_embeds`` ``[1, width]`` and ``time_ids`` ``[1, 6]`` (fp32)."""


@dataclass(frozen=True, slots=True)
class Conditioning:
    """A request's two prompts, encoded."""

    positive: Condition
    negative: Condition | None
    """None when the request is not guided."""
    chunks: int


class _Encoded(NamedTuple):
    """One chunk as one encoder reads it."""

    hidden: torch.Tensor
    """``[1, 77, width]``."""
    pooled: torch.Tensor | None
    """``[1, width]``, from SDXL's second encoder only."""

    @property
    def nbytes(self) -> int:
        return sum(part.numel() * part.element_size() for part in self if part is not None)


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
        self._cache: ByteLru[tuple[str, int, int, Chunk], _Encoded] = ByteLru(limit)

    @property
    def nbytes(self) -> int:
        """Memory of the remembered chunks."""
        return self._cache.nbytes

    def encode(self, key: str, checkpoint: "Checkpoint", request: GenerationRequest) -> Conditioning:
        """``key`` names the checkpoint. Raises ``EngineError("invalid_request", field="clip_skip")``."""
        _require_layers(checkpoint, request.clip_skip)
        tokenizers = [tokenizer for _, tokenizer in checkpoint.text_towers]
        positive = [prompt_chunks(request.prompt, tokenizer) for tokenizer in tokenizers]
        guided = request.guidance_scale > 1.0
        negative = [prompt_chunks(request.negative_prompt, each) for each in tokenizers] if guided else []
        # Both halves go through the denoiser in one call, so the shorter one is filled up with empty chunks.
        length = max(len(chunks) for chunks in [*positive, *negative])

        def condition(prompt: Sequence[list[Chunk]]) -> Condition:
            filled = [[*chunks, *([()] * (length - len(chunks)))] for chunks in prompt]
            towers = [
                [self._encoded(key, checkpoint, tower, request.clip_skip, chunk) for chunk in chunks]
                for tower, chunks in enumerate(filled)
            ]
            return _joined(towers, request)

        given = condition(positive)
        if not guided:
            return Conditioning(given, None, length)
        unsaid = checkpoint.zeros_for_empty_negative and not request.negative_prompt.strip()
        return Conditioning(given, _silence(given) if unsaid else condition(negative), length)

    def _encoded(
        self, key: str, checkpoint: "Checkpoint", tower: int, clip_skip: int, chunk: Chunk
    ) -> _Encoded:
        place = (key, tower, clip_skip, chunk)
        found = self._cache.get(place)
        if found is None:
            encoder, tokenizer = checkpoint.text_towers[tower]
            ids = _ids(chunk, tokenizer, encoder.device)
            found = _read_xl(encoder, clip_skip, ids) if checkpoint.is_xl else _read(encoder, clip_skip, ids)
            self._cache.put(place, found, found.nbytes)
            self._cache.shrink()
        return found


def _require_layers(checkpoint: "Checkpoint", clip_skip: int) -> None:
    layers = min(encoder.config.num_hidden_layers for encoder, _ in checkpoint.text_towers)
    # One layer must be left, and SDXL never uses the last one.
    most = layers - (2 if checkpoint.is_xl else 1)
    if clip_skip > most:
        raise EngineError(
            "invalid_request",
            f"This model's text encoder has {layers} layers; {clip_skip} cannot be left out, {most} can.",
            field="clip_skip",
        )


def _joined(towers: Sequence[Sequence[_Encoded]], request: GenerationRequest) -> Condition:
    """The chunks of each encoder end to end, the encoders side by side."""
    text = torch.cat([torch.cat([each.hidden for each in chunks], dim=1) for chunks in towers], dim=-1)
    pooled = towers[-1][0].pooled
    if pooled is None:
        return Condition(text)
    # SDXL's sizes: of the picture before cropping, where it was cropped, and after. Ours is whole.
    size = (request.height, request.width)
    sizes = torch.tensor([[*size, 0, 0, *size]], dtype=torch.float32, device=text.device)
    return Condition(text, {"text_embeds": pooled, "time_ids": sizes})


def _silence(condition: Condition) -> Condition:
    """No text at all, at the same sizes."""
    added = {**condition.added, "text_embeds": torch.zeros_like(condition.added["text_embeds"])}
    return Condition(torch.zeros_like(condition.text), added)


def _ids(chunk: Chunk, tokenizer: "Tokenizer", device: torch.device) -> torch.Tensor:
    padding = [tokenizer.pad] * (CHUNK_TOKENS - len(chunk))
    return torch.tensor([[tokenizer.bos, *chunk, tokenizer.eos, *padding]], device=device)


def _read(encoder: Any, clip_skip: int, ids: torch.Tensor) -> _Encoded:
    if not clip_skip:
        return _Encoded(encoder(ids).last_hidden_state, None)
    hidden = encoder(ids, output_hidden_states=True).hidden_states[-(clip_skip + 1)]
    # The skipped layers end before the final norm, which the U-Net was trained behind.
    return _Encoded(encoder.final_layer_norm(hidden), None)


def _read_xl(encoder: Any, clip_skip: int, ids: torch.Tensor) -> _Encoded:
    """SDXL was trained on the last layer but one, before the final norm; ``clip_skip`` counts from there."""
    output = encoder(ids, output_hidden_states=True)
    return _Encoded(output.hidden_states[-(clip_skip + 2)], getattr(output, "text_embeds", None))
