"""LoRAs and textual inversions of a request: loaded, and worked into the checkpoint."""

from typing import TYPE_CHECKING, Final, NamedTuple

from generation.engine.model_cache import ModelKind, cache_key
from generation.engine.networks import (
    EmbeddingVectors,
    LoraFile,
    Merged,
    NetworkUse,
    TextAdditions,
    embedding_load,
    lora_load,
    merge,
    set_key,
)
from generation.engine.prompts import named_in
from generation.engine.scripts.script import Desk, Step
from generation.engine.spec import GenerationRequest

if TYPE_CHECKING:
    from generation.engine.checkpoints.components import Checkpoint
    from generation.engine.checkpoints.flow import FlowCheckpoint

LORA: Final[ModelKind[LoraFile]] = ModelKind("lora", lambda path, _dtype: lora_load(path))
EMBEDDING: Final[ModelKind[EmbeddingVectors]] = ModelKind(
    "embedding", lambda path, _dtype: embedding_load(path)
)


class NetworkSet(NamedTuple):
    """A checkpoint's weights with a request's networks worked in."""

    weights: Merged
    identity: str
    text_key: object
    """As for ``TextAdditions.key``."""


def networks_merged(
    desk: Desk, checkpoint: "Checkpoint | FlowCheckpoint", request: GenerationRequest
) -> Step[NetworkSet | None]:
    """The request's set of LoRAs, None where it changes nothing. Raises ``EngineError`` with field
    ``loras``.
    """
    uses = []
    for unit in request.loras:
        file = yield from desk.model(LORA, unit.model)
        digest = cache_key(unit.model, LORA.name)
        uses.append(NetworkUse(file, digest, unit.denoiser, unit.text_encoder, unit.rank))
    if not set_key(uses):
        return None
    identity = f"networks:{cache_key(request.checkpoint)}:{set_key(uses)}"
    label = " + ".join(use.file.name for use in uses)
    weights = yield from desk.kept(
        identity, label, lambda: merge(checkpoint.components, uses, dtype=checkpoint.dtype)
    )
    return NetworkSet(weights, identity, set_key(uses, text_only=True))


def text_additions(desk: Desk, checkpoint: "Checkpoint", request: GenerationRequest) -> Step[TextAdditions]:
    """What the request adds to the text encoders. Raises ``EngineError``."""
    found = yield from networks_merged(desk, checkpoint, request)
    wanted = named_in((request.prompt, request.negative_prompt), (each.name for each in request.embeddings))
    widths = [encoder.config.hidden_size for encoder, _ in checkpoint.text_towers]
    embeddings: dict[str, EmbeddingVectors] = {}
    names: dict[str, str] = {}
    for embedding in request.embeddings:
        if embedding.name in wanted:
            key = cache_key(embedding.model, EMBEDDING.name)
            embeddings[key] = yield from desk.model(EMBEDDING, embedding.model)
            embeddings[key].require_widths(widths, embedding.name)
            names[embedding.name] = key
    if found is None or not found.text_key:
        return TextAdditions(embeddings=embeddings, names=names)
    return TextAdditions(weights=found.weights, key=found.text_key, embeddings=embeddings, names=names)
