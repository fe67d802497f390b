"""The prompt language of AUTOMATIC1111's web UI, read in one place. Needs no torch.

In the order in which a prompt goes through it: ``styles_apply`` merges styles, ``expand`` draws wildcards
and choices by a seed, ``parse_prompt`` and ``parse_negative`` take the text apart (``read_prompts`` a
request's two, and says what the engine cannot do), ``plan`` says which chunks of tokens there are to encode
and which of them count at which step. ``escape`` makes any text plain. Whatever is wrong with a prompt is an
``EngineError`` that names its field; ``limits`` bounds the time and memory that any text can take.
"""

from generation.engine.prompts.attention import Emphasis, Segment, escape, parse_attention
from generation.engine.prompts.chunks import CHUNK_TOKENS, Chunk, prompt_chunks
from generation.engine.prompts.dynamic import Wildcards, expand, wildcard_values
from generation.engine.prompts.embeddings import (
    EmbeddingToken,
    embedding_tokens,
    named_in,
    with_embeddings,
)
from generation.engine.prompts.networks import ExtraNetwork, HypernetworkUse, LoraUse
from generation.engine.prompts.parsing import (
    ParsedPrompt,
    ScheduledPart,
    parse_negative,
    parse_prompt,
    plain_text,
    strip_comments,
)
from generation.engine.prompts.plan import Plan, PlanStep, plan
from generation.engine.prompts.reading import read_prompts
from generation.engine.prompts.styles import Style, styles_apply, styles_extract, styles_read

__all__ = [
    "CHUNK_TOKENS",
    "Chunk",
    "EmbeddingToken",
    "Emphasis",
    "ExtraNetwork",
    "HypernetworkUse",
    "LoraUse",
    "ParsedPrompt",
    "Plan",
    "PlanStep",
    "ScheduledPart",
    "Segment",
    "Style",
    "Wildcards",
    "embedding_tokens",
    "escape",
    "expand",
    "named_in",
    "parse_attention",
    "parse_negative",
    "parse_prompt",
    "plain_text",
    "plan",
    "prompt_chunks",
    "read_prompts",
    "strip_comments",
    "styles_apply",
    "styles_extract",
    "styles_read",
    "wildcard_values",
    "with_embeddings",
]
