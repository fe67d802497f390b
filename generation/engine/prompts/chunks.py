"""Token ids in chunks of 75, by A1111's rules. The tokenizer is a callable, so nothing here knows a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from generation.engine.prompts.attention import Segment
from generation.engine.prompts.limits import MAX_CHUNKS, prompt_error

CHUNK_TOKENS: Final = 75
"""CLIP's 77 positions less the two markers."""
COMMA_BACKTRACK: Final = 20
"""A chunk that overflows is cut after a comma at most this many tokens back, so that no phrase is torn."""


class Piece:
    """What may stand in the place of a token id: immutable, with an equality of its own."""

    __slots__ = ()


Token = int | tuple[int | Piece, ...]
"""A token id, or the pieces of one embedding, which are never torn apart."""
Tokenize = Callable[[str], Sequence[Token]]
"""Text to token ids, without markers, of any length."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Up to 75 tokens without markers and padding, and their weights."""

    tokens: tuple[int | Piece, ...] = ()
    weights: tuple[float, ...] = ()

    def padded(self, *, bos: int, eos: int, pad: int) -> tuple[tuple[int | Piece, ...], tuple[float, ...]]:
        """The 77 tokens and weights that the text encoder sees; markers and padding weigh 1."""
        missing = CHUNK_TOKENS - len(self.tokens)
        return (bos, *self.tokens, eos, *[pad] * missing), (1.0, *self.weights, *[1.0] * (missing + 1))


def prompt_chunks(
    segments: Sequence[Segment], tokenize: Tokenize, *, comma: int | None, field: str = "prompt"
) -> tuple[Chunk, ...]:
    """The segments in chunks, at least one, which may be empty; ``comma`` is the id of a comma that ends a
    word.

    ``BREAK`` ends the chunk it stands in, however short. Raises the prompt's ``EngineError``.
    """
    filling = _Filling(comma, field)
    for segment in segments:
        if segment.is_break:
            filling.end()
            continue
        for token in tokenize(segment.text):
            filling.add(token if isinstance(token, tuple) else (token,), segment.weight)
    return filling.finish()


class _Filling:
    def __init__(self, comma: int | None, field: str) -> None:
        self._comma, self._field = comma, field
        self._chunks: list[Chunk] = []
        self._tokens: list[int | Piece] = []
        self._weights: list[float] = []
        self._last_comma: int | None = None

    def add(self, ids: tuple[int | Piece, ...], weight: float) -> None:
        if len(ids) > CHUNK_TOKENS:
            raise prompt_error(self._field, f"An embedding of {len(ids)} vectors; {CHUNK_TOKENS} fit.")
        if ids == (self._comma,):
            # A comma that is itself the first token too many is not looked back from, as in A1111.
            self._last_comma = len(self._tokens)
        elif len(self._tokens) == CHUNK_TOKENS and self._last_comma is not None:
            self._end_after_comma(self._last_comma)
        if len(self._tokens) + len(ids) > CHUNK_TOKENS:
            self.end()
        self._tokens.extend(ids)
        self._weights.extend([weight] * len(ids))

    def end(self) -> None:
        if len(self._chunks) >= MAX_CHUNKS:
            raise prompt_error(
                self._field, f"{self._field} needs more than {MAX_CHUNKS} chunks of {CHUNK_TOKENS} tokens."
            )
        self._chunks.append(Chunk(tuple(self._tokens), tuple(self._weights)))
        self._tokens, self._weights, self._last_comma = [], [], None

    def finish(self) -> tuple[Chunk, ...]:
        if self._tokens or not self._chunks:
            self.end()
        return tuple(self._chunks)

    def _end_after_comma(self, comma: int) -> None:
        if len(self._tokens) - comma > COMMA_BACKTRACK:
            return
        tokens, weights = self._tokens[comma + 1 :], self._weights[comma + 1 :]
        del self._tokens[comma + 1 :], self._weights[comma + 1 :]
        self.end()
        self._tokens, self._weights = tokens, weights
