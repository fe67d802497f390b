"""The recipe as text, in AUTOMATIC1111's words, for the ``parameters`` chunk of a picture.

The form is that of ``create_infotext`` in A1111's ``modules/processing.py``: its users' tools can read it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from generation.engine.catalog import resolve_sampler, schedule_info
from generation.engine.spec import GenerationRequest

HASH_CHARACTERS: Final = 10
"""How much of a model's SHA-256 the text shows."""
LORA_HASH_CHARACTERS: Final = 12


def infotext_write(
    request: GenerationRequest,
    *,
    seed: int,
    model_hash: str,
    model_name: str,
    version: str,
    extra: Mapping[str, str] | None = None,
) -> str:
    """Prompt, negative prompt and one line of ``key: value`` pairs for the picture with ``seed``.

    ``model_hash`` is a SHA-256 in hex, shortened here; ``extra`` are more pairs, in A1111's names, before the
    version; what is empty is left out. Raises ``EngineError`` for a sampler or schedule that nobody knows.
    """
    pairs = [
        *_pairs(request, seed=seed, model_hash=model_hash, model_name=model_name),
        *(extra or {}).items(),
        ("Version", version),
    ]
    return infotext_format(request.prompt, request.negative_prompt, pairs)


def infotext_format(prompt: str, negative_prompt: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The text for any recipe; pairs without a value are left out, and one whose value is its key is only
    that.
    """
    lines = [prompt]
    if negative_prompt:
        lines.append(f"Negative prompt: {negative_prompt}")
    lines.append(
        ", ".join(key if key == value else f"{key}: {_quoted(value)}" for key, value in pairs if value)
    )
    return "\n".join(lines)


def lora_hashes(digests: Mapping[str, str]) -> str:
    """The value of ``Lora hashes``: names without the marks that would part them, and shortened SHA-256."""
    return ", ".join(
        f"{name.replace(':', '').replace(',', '')}: {digest[:LORA_HASH_CHARACTERS]}"
        for name, digest in digests.items()
    )


def _pairs(
    request: GenerationRequest, *, seed: int, model_hash: str, model_name: str
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


def _quoted(value: str) -> str:
    """A value that would be taken apart or trimmed when read becomes a JSON string."""
    is_plain = (
        value == value.strip() and not value.startswith('"') and not any(mark in value for mark in ",\n:")
    )
    return value if is_plain else json.dumps(value, ensure_ascii=False)
