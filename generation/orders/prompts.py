"""Prompts: styles put in, wildcards and choices drawn, what they name found in the library."""

import re
from dataclasses import dataclass
from typing import Final

from generation.engine.prompts import (
    LoraUse,
    ParsedPrompt,
    expand,
    parse_negative,
    parse_prompt,
    read_prompts,
    strip_comments,
    styles_apply,
)
from generation.engine.spec import limits
from generation.orders.errors import as_field
from generation.orders.shelf import Kind, Shelf
from generation.prompt_files import wildcards
from generation.schemas import DetailIn, GenerateIn, HiresIn, Template
from generation.selectors import styles_for
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.errors import PortalError

PROMPT_USE: Final = "prompt."
"""Before the name of a LoRA in the prompt, where a job says which model that is."""
EMBEDDING_USE: Final = "embedding."
_LORA_KINDS: Final = ("lora", "lyco")


@dataclass(frozen=True, slots=True)
class Drawn:
    """The prompts that a job is made with."""

    prompt: str
    negative_prompt: str
    template: Template | None
    """As they were written, where that is something else."""


def prompts_draw(request: GenerateIn, seed: int, user: User) -> Drawn:
    """Styles merged and every choice made, by the seed. Raises ``PortalError`` naming the field."""
    prompt, negative = request.prompt, request.negative_prompt
    if request.styles:
        with as_field("styles"):
            known = {style.name.casefold(): style for style in styles_for(user)}
        for index, name in enumerate(request.styles):
            if name.casefold() not in known:
                raise _unknown_style(f"styles.{index}", name, [style.name for style in known.values()])
        with as_field():
            chosen = [known[name.casefold()] for name in request.styles]
            prompt, negative = styles_apply(prompt, negative, chosen)
    prompt = _drawn(prompt, seed, "prompt")
    negative = _drawn(negative, seed, "negative_prompt")
    as_written = (request.prompt, request.negative_prompt)
    template = Template(prompt=as_written[0], negative_prompt=as_written[1], styles=request.styles)
    return Drawn(prompt, negative, template if (prompt, negative) != as_written else None)


def _drawn(text: str, seed: int, field: str) -> str:
    with as_field():
        drawn = expand(text, seed=seed, wildcards=wildcards() if "__" in text else None, field=field)
        # Drawing takes comments out; where it had nothing else to do, the text stays as it was written.
        return text if drawn == strip_comments(text) else drawn


def _unknown_style(field: str, name: str, known: list[str]) -> PortalError:
    hint = f"There are: {', '.join(known[:5])}{', ...' if len(known) > 5 else ''}." if known else ""
    return PortalError(
        "unknown_style",
        f"There is no style {name[:100]!r}.",
        hint=hint or "This server has no styles yet.",
        fields={field: "not a style of this server"},
        status=422,
    )


def prompt_parsed(text: str, *, field: str = "prompt") -> ParsedPrompt:
    """Taken apart. Raises ``PortalError`` for what cannot be read or used."""
    with as_field():
        parsed = parse_prompt(text, field=field)
    for network in parsed.networks:
        if network.kind not in _LORA_KINDS:
            raise _unsupported(field, f"{str(network)[:100]} cannot be used, only <lora:name:weight>")
    return parsed


def _unsupported(field: str, what: str) -> PortalError:
    return PortalError("unsupported_feature", f"{field}: {what}", fields={field: what}, status=422)


def prompt_loras(text: str) -> tuple[LoraUse, ...]:
    """The LoRAs of a prompt that was accepted."""
    return parse_prompt(text).loras if "<" in text else ()


def prompt_parts(text: str) -> int:
    """The parts between ``AND`` of a prompt that was accepted."""
    return len(parse_prompt(text).parts) if "AND" in text else 1


def networks_resolve(shelf: Shelf, drawn: Drawn, request: GenerateIn) -> int:
    """Find the LoRAs of the slots and of the prompt, and every embedding that is called by its name.

    Returns the number of the prompt's parts between ``AND``. Raises ``PortalError`` naming the field.
    """
    parsed = prompt_parsed(drawn.prompt)
    for index, slot in enumerate(request.loras):
        shelf.named(f"loras.{index}", Kind.LORA, slot.name, at=f"loras.{index}.name")
    for use in parsed.loras:
        shelf.named(f"{PROMPT_USE}{use.name}", Kind.LORA, use.name, at="prompt")
    with as_field():
        limits.require_count("loras", len(request.loras) + len(parsed.loras), limits.MAX_LORAS)
        positive, _ = read_prompts(
            parsed.text, drawn.negative_prompt, steps=request.steps, guidance_scale=request.cfg_scale
        )
    _embeddings_note(shelf, [drawn.prompt, drawn.negative_prompt, *_other_texts(request)])
    return len(positive.parts)


def _other_texts(request: GenerateIn) -> list[str]:
    """The prompts of later passes, checked like the first one's."""
    texts: list[str] = []
    passes: list[tuple[str, HiresIn | DetailIn]] = [("hires", request.hires)] if request.hires else []
    passes += [(f"adetailer.{index}", one) for index, one in enumerate(request.adetailer)]
    for field, one in passes:
        parsed = prompt_parsed(one.prompt, field=f"{field}.prompt")
        if parsed.networks:
            raise _unsupported(f"{field}.prompt", "LoRAs stand in the request's own prompt, for all passes")
        with as_field():
            parse_negative(one.negative_prompt, field=f"{field}.negative_prompt")
        texts += [one.prompt, one.negative_prompt]
    return texts


def _embeddings_note(shelf: Shelf, texts: list[str]) -> None:
    said = "\n".join(texts).casefold()
    for model in shelf.fitting(Kind.EMBEDDING):
        for name in embedding_names(model):
            if re.search(rf"(?<![\w-]){re.escape(name.casefold())}(?![\w-])", said):
                shelf.note(f"{EMBEDDING_USE}{name}", model)
                break


def embedding_names(model: ModelFile) -> list[str]:
    """What people write for an embedding: its name in the library, or its file's."""
    return list(dict.fromkeys((model.name, model.path.rpartition("/")[2].rpartition(".")[0] or model.path)))
