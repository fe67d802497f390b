"""The recipe as text, in AUTOMATIC1111's words, for the ``parameters`` chunk of a picture. Needs no torch.

The form is that of ``create_infotext`` in A1111's ``modules/processing.py``: its users' tools can read it.
"""

import json
from collections.abc import Iterator
from typing import Final

from generation.engine.catalog import resolve_sampler, schedule_info
from generation.engine.spec import GenerationRequest

HASH_CHARACTERS: Final = 10
"""How much of a model's SHA-256 the text shows."""


def infotext_write(
    request: GenerationRequest, *, seed: int, model_hash: str, model_name: str, version: str
) -> str:
    """Prompt, negative prompt and one line of ``key: value`` pairs for the picture with ``seed``.

    ``model_hash`` is a SHA-256 in hex, shortened here; what is empty is left out. Raises ``EngineError`` for
    a sampler or schedule that nobody knows.
    """
    pairs = _pairs(request, seed=seed, model_hash=model_hash, model_name=model_name, version=version)
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"Negative prompt: {request.negative_prompt}")
    lines.append(", ".join(f"{key}: {_quoted(value)}" for key, value in pairs if value))
    return "\n".join(lines)


def _pairs(
    request: GenerationRequest, *, seed: int, model_hash: str, model_name: str, version: str
) -> Iterator[tuple[str, str]]:
    sampler, schedule = resolve_sampler(request.sampler, request.schedule)
    yield "Steps", str(request.steps)
    yield "Sampler", sampler
    yield "Schedule type", schedule_info(schedule).label
    yield "CFG scale", f"{request.guidance_scale:g}"
    yield "Seed", str(seed)
    yield "Size", f"{request.width}x{request.height}"
    yield "Model hash", model_hash[:HASH_CHARACTERS]
    yield "Model", model_name
    # A1111 counts layers used from the end, so that 1 means "all of them" and is not worth saying.
    yield "Clip skip", str(request.clip_skip + 1) if request.clip_skip else ""
    yield "RNG", "CPU"
    yield "Version", version


def _quoted(value: str) -> str:
    """A value that would be taken apart when read becomes a JSON string."""
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ",\n:") else value
