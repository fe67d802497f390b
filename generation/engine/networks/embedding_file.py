"""Files of textual inversions (Gal et al. 2022, arXiv:2208.01618): vectors that stand for words.

Formats: A1111's ``.pt`` (``string_to_param``) and ``.safetensors`` (``emb_params``), diffusers' one tensor
under the name of its token, and for SDXL one for each text encoder (``clip_l``, ``clip_g``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import torch

from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.tensors import weights_read
from generation.engine.errors import EngineError
from generation.engine.networks.errors import about
from generation.engine.prompts import CHUNK_TOKENS

FIELD: Final = "embeddings"
_BY_ENCODER: Final = ("clip_l", "clip_g")


@dataclass(slots=True)
class EmbeddingVectors:
    """A textual inversion; a ``Resident``."""

    name: str
    """The file's."""
    vectors: tuple[torch.Tensor, ...]
    """``[count, width]`` in fp32 for each text encoder that it is for."""

    @property
    def count(self) -> int:
        """Tokens that it takes in a prompt."""
        return len(self.vectors[0])

    @property
    def nbytes(self) -> int:
        """Memory of the vectors in bytes."""
        return sum(each.numel() * each.element_size() for each in self.vectors)

    def to(self, device: torch.device) -> Self:
        """Move everything to ``device``."""
        self.vectors = tuple(each.to(device) for each in self.vectors)
        return self

    def require_widths(self, widths: Sequence[int], written: str) -> None:
        """Raise ``EngineError("model_unsupported", field="prompt")`` where text encoders of these widths
        cannot read it; ``written`` is what stands for it in the prompt.
        """
        own = [each.shape[1] for each in self.vectors]
        if own != list(widths):
            raise EngineError(
                "model_unsupported",
                f"The embedding {written} is for another family: its vectors have {_sizes(own)} numbers, "
                f"this model's words {_sizes(widths)}.",
                hint="Take it out of the prompt, or choose a checkpoint of the family that it was made for.",
                field="prompt",
            )


def embedding_load(path: Path) -> EmbeddingVectors:
    """Read a file on the CPU.

    Raises ``EngineError`` with field ``embeddings`` and code ``model_missing``, ``model_unsafe``,
    ``model_corrupt`` or, for a file that is something else, ``model_unsupported``.
    """
    with about(FIELD):
        found = _found(weights_read(path))
        if found is None:
            raise EngineError(
                "model_unsupported",
                f"{path.name} cannot be used: it is no textual inversion.",
                hint="Choose an embedding as A1111, diffusers or kohya's scripts write them.",
            )
        return EmbeddingVectors(path.stem, tuple(_checked(path, each, len(found[0])) for each in found))


def _found(content: Mapping[str, Any]) -> list[torch.Tensor] | None:
    inner = content.get("string_to_param")
    tensors = {
        name: value[None] if value.ndim == 1 else value
        for name, value in (inner if isinstance(inner, Mapping) else content).items()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    if all(name in tensors for name in _BY_ENCODER):
        return [tensors[name] for name in _BY_ENCODER]
    return list(tensors.values()) if len(tensors) == 1 else None


def _checked(path: Path, vectors: torch.Tensor, count: int) -> torch.Tensor:
    if vectors.ndim != 2 or not vectors.numel() or len(vectors) != count:
        raise corrupt(path, "its vectors are not all of one size, or there is none")
    if count > CHUNK_TOKENS:
        raise EngineError(
            "model_unsupported",
            f"{path.name} cannot be used: it has {count} vectors, {CHUNK_TOKENS} fit into a prompt.",
            hint="Choose another embedding.",
        )
    plain = vectors.detach().float()
    if not bool(plain.isfinite().all()):
        raise corrupt(path, "it holds numbers that are not finite")
    return plain


def _sizes(widths: Sequence[int]) -> str:
    return " and ".join(map(str, widths))
