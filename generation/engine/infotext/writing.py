"""The recipe as text, in AUTOMATIC1111's words, for the ``parameters`` chunk of a picture.

The form is that of ``create_infotext`` in A1111's ``modules/processing.py``: its users' tools can read it.
"""

import json
from collections.abc import Iterable, Mapping

from generation.engine.errors import EngineError
from generation.engine.infotext.pairs import request_pairs
from generation.engine.infotext.recipe import RECIPE_KEYS, Recipe, RecipeLora, real
from generation.engine.infotext.words import name_of, number
from generation.engine.prompts import parse_prompt
from generation.engine.spec import GenerationRequest, LoraUnit


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

    ``request.prompt`` may be the prompt as it was written, with its extra networks: ``request.loras`` then
    ends with those, and the ones before them, which no key of the text could say, are put behind the prompt
    as ``<lora:...>``. ``model_hash`` is a SHA-256 in hex, shortened here; ``extra`` are more pairs, in
    A1111's names, before the version; what is empty is left out. Raises ``EngineError`` for a sampler or
    schedule that nobody knows.
    """
    pairs = [
        *request_pairs(request, seed=seed, model_hash=model_hash, model_name=model_name),
        *(extra or {}).items(),
        ("Version", version),
    ]
    return infotext_format(_whole_prompt(request), request.negative_prompt, pairs)


def recipe_of(request: GenerationRequest, *, seed: int) -> Recipe:
    """The same in our own words, for ``document_write``; ``request.prompt`` as in ``infotext_write``."""
    checkpoint = request.checkpoint
    pairs = request_pairs(request, seed=seed, model_hash=checkpoint.digest, model_name=name_of(checkpoint))
    said = {key: value for key, value in pairs if value}
    return Recipe(
        source="sdweb",
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        steps=request.steps,
        sampler=said["Sampler"],
        scheduler=said["Schedule type"],
        cfg_scale=request.guidance_scale,
        seed=seed,
        width=request.width,
        height=request.height,
        model=name_of(checkpoint),
        model_hash=checkpoint.digest,
        vae=said.get("VAE", ""),
        clip_skip=request.clip_skip,
        strength=real(said.get("Denoising strength")),
        loras=tuple(RecipeLora(name_of(lora.model), lora.denoiser) for lora in _slots(request)),
        extra={key: value for key, value in said.items() if key not in RECIPE_KEYS},
    )


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


def _whole_prompt(request: GenerationRequest) -> str:
    return " ".join(filter(None, (request.prompt, *map(_lora_tag, _slots(request)))))


def _slots(request: GenerationRequest) -> tuple[LoraUnit, ...]:
    """The LoRAs that the prompt does not name."""
    try:
        written = len(parse_prompt(request.prompt).loras)
    except EngineError:
        written = 0  # nothing in it was read, so nothing of it is among the LoRAs
    return request.loras[: max(0, len(request.loras) - written)]


def _lora_tag(lora: LoraUnit) -> str:
    """Empty for a name that cannot stand in a prompt; the hashes name that one all the same."""
    name, strengths = name_of(lora.model), [lora.text_encoder, lora.denoiser]
    if any(mark in name for mark in ":>\n"):
        return ""
    if strengths[0] == strengths[1]:
        del strengths[1]
    rank = "" if lora.rank is None else f":dyn={lora.rank}"
    return f"<lora:{name}:{':'.join(map(number, strengths))}{rank}>"


def _quoted(value: str) -> str:
    """A value that would be taken apart or trimmed when read becomes a JSON string."""
    is_plain = (
        value == value.strip() and not value.startswith('"') and not any(mark in value for mark in ",\n:")
    )
    return value if is_plain else json.dumps(value, ensure_ascii=False)
