"""How a text encoder reads textual inversions."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch

from generation.engine.networks.embedding_file import EmbeddingVectors
from generation.engine.prompts import EmbeddingToken
from generation.engine.prompts.chunks import Piece

_PLACEHOLDER: Final = 0
"""The id of a place that a vector will take: any that is neither marker."""


def token_ids(tokens: Sequence[int | Piece]) -> list[int]:
    """Ids for the encoder, with placeholders where vectors go."""
    return [token if isinstance(token, int) else _PLACEHOLDER for token in tokens]


@contextmanager
def vectors_in_place(
    encoder: Any, tower: int, tokens: Sequence[int | Piece], known: Mapping[str, EmbeddingVectors]
) -> Iterator[None]:
    """A transformers text encoder that reads what stands for vectors in ``tokens``, those of each text in a
    batch, from ``known`` by their keys; ``tower`` is the encoder's number. Afterwards it is as before.
    """
    places = {place: token for place, token in enumerate(tokens) if isinstance(token, EmbeddingToken)}
    if not places:
        yield
        return

    def replaced(_module: torch.nn.Module, _given: object, output: torch.Tensor) -> torch.Tensor:
        made = output.clone()
        for place, token in places.items():
            made[:, place] = known[token.key].vectors[tower][token.index].to(made)
        return made

    handle = encoder.get_input_embeddings().register_forward_hook(replaced)
    try:
        yield
    finally:
        handle.remove()
