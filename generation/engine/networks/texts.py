"""What a request adds to a checkpoint's text encoders."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from generation.engine.networks.embedding_file import EmbeddingVectors
from generation.engine.networks.merged import Merged
from generation.engine.networks.vectors import vectors_in_place
from generation.engine.prompts import embedding_tokens, with_embeddings
from generation.engine.prompts.chunks import Piece, Tokenize

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
"""The names of a checkpoint's text encoders, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAdditions:
    """Networks in the encoders' weights, and textual inversions among their words."""

    weights: Merged | None = None
    key: Hashable = ()
    """What tells apart what sets of networks make of the text encoders; empty when they change nothing."""
    embeddings: Mapping[str, EmbeddingVectors] = field(default_factory=dict)
    """By what tells one from others."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What people write for an embedding, and its place in ``embeddings``."""

    def tokenizer(self, tokenize: Tokenize) -> Tokenize:
        """``tokenize`` that knows the embeddings."""
        known = {name: embedding_tokens(key, self.embeddings[key].count) for name, key in self.names.items()}
        return with_embeddings(tokenize, known)

    @contextmanager
    def applied(self, encoder: Any, tower: int, tokens: Sequence[int | Piece]) -> Iterator[None]:
        """The checkpoint's text encoder number ``tower``, ready to read ``tokens``; afterwards as before."""
        with ExitStack() as stack:
            if self.weights is not None:
                stack.enter_context(self.weights.applied(ENCODERS[tower], encoder))
            stack.enter_context(vectors_in_place(encoder, tower, tokens, self.embeddings))
            yield
