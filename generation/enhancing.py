"""Prompt enhancement for the two doors of the portal: by a language model where one is installed, else by the
engine's own words.
"""

import secrets
from typing import Annotated, Final

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field

from generation.continuing import continuation_ask
from generation.engine import spec
from generation.engine.enhancer import enhance, kept_words, with_phrases
from generation.engine.errors import EngineError
from generation.orders import portal_error
from models_hub.models import ModelFile
from models_hub.selectors import model_list, model_named
from sdweb.accounts.models import User
from sdweb.errors import PortalError

EMBEDDED: Final = "embedded"
MODEL_LANGUAGES: Final = frozenset({"en"})
"""What language models are asked in; the embedded enhancer speaks Ukrainian too."""


class EnhanceIn(BaseModel):
    """A prompt to enhance. Without a seed each call gives another variant."""

    model_config = ConfigDict(strict=True, extra="ignore")

    prompt: Annotated[str, Field(max_length=spec.MAX_PROMPT_LENGTH)]
    seed: int | None = Field(None, ge=0, le=spec.MAX_SEED)
    model: Annotated[
        str | None,
        Field(
            max_length=255,
            description="A language model's name or id, or `embedded`; empty for the default one.",
        ),
    ] = None


class EnhancedOut(Schema):
    """`prompt` begins with the words of `original`; `added` are the phrases behind them."""

    original: str
    prompt: str
    added: list[str]
    theme: str
    language: str
    seed: int
    source: str
    """The language model that said it, or `embedded`."""


def prompt_enhance(asked: EnhanceIn, *, user: User) -> EnhancedOut:
    """The enhanced prompt. Raises ``PortalError`` naming the field for an empty one, and ``unknown_model``;
    nothing is stored. Where a language model has nothing to say, or nobody is there to ask it, the embedded
    enhancer answers.
    """
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
    prompt, added, source = found.prompt, found.added, EMBEDDED
    model = _language_model(user, asked.model)
    if model is not None and found.language in MODEL_LANGUAGES:
        phrases = continuation_ask(model, asked.prompt, seed=seed)
        if phrases:
            prompt, added, source = with_phrases(kept_words(asked.prompt), phrases), phrases, model.name
    return EnhancedOut(
        original=asked.prompt,
        prompt=prompt,
        added=list(added),
        theme=found.theme,
        language=found.language,
        seed=seed,
        source=source,
    )


def _language_model(user: User, name: str | None) -> ModelFile | None:
    if name == EMBEDDED:
        return None
    if name:
        return model_named(user=user, kind=ModelFile.Kind.LANGUAGE_MODEL, name_or_id=name)
    return model_list(user=user, kind=ModelFile.Kind.LANGUAGE_MODEL).first()
