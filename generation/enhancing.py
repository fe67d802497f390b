"""Prompt enhancement for the two doors of the portal: checks the input, asks the engine's library."""

import secrets
from typing import Annotated

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field

from generation.engine import spec
from generation.engine.enhancer import enhance
from generation.engine.errors import EngineError
from generation.orders import portal_error
from sdweb.errors import PortalError


class EnhanceIn(BaseModel):
    """A prompt to enhance. Without a seed each call gives another variant."""

    model_config = ConfigDict(strict=True, extra="ignore")

    prompt: Annotated[str, Field(max_length=spec.MAX_PROMPT_LENGTH)]
    seed: int | None = Field(None, ge=0, le=spec.MAX_SEED)


class EnhancedOut(Schema):
    """`prompt` begins with the words of `original`; `added` are the phrases behind them."""

    original: str
    prompt: str
    added: list[str]
    theme: str
    language: str
    seed: int


def prompt_enhance(asked: EnhanceIn) -> EnhancedOut:
    """The enhanced prompt. Raises ``PortalError`` naming the field for an empty one; nothing is stored."""
    if "\x00" in asked.prompt:
        raise PortalError(
            "invalid_input",
            "prompt: it contains a NUL character",
            fields={"prompt": "contains NUL"},
            status=422,
        )
    seed = asked.seed if asked.seed is not None else secrets.randbelow(spec.MAX_SEED + 1)
    try:
        found = enhance(asked.prompt, seed=seed)
    except EngineError as error:
        raise portal_error(error) from None
    return EnhancedOut(
        original=asked.prompt,
        prompt=found.prompt,
        added=list(found.added),
        theme=found.theme,
        language=found.language,
        seed=found.seed,
    )
