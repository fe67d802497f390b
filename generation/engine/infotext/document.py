"""Our own JSON of a recipe: exact where A1111's text is not, and versioned.

The names are those of the WebSocket API. Programs of later versions may add names and must not change what
these mean; if they have to, they count the version up.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from generation.engine.infotext.bounded import json_decode
from generation.engine.infotext.recipe import (
    SOURCES,
    Recipe,
    RecipeLora,
    items,
    mapping,
    real,
    text_of,
    whole,
)

VERSION: Final = 1
"""The newest version that is written and understood."""


def document_write(recipe: Recipe) -> str:
    """ASCII, so that it fits into every kind of text chunk; what the recipe does not say is left out."""
    said = {key: value for key, value in asdict(recipe).items() if value not in (None, "", (), {})}
    return json.dumps(
        {"version": VERSION, "prompt": "", **said}, separators=(",", ":"), sort_keys=True, allow_nan=False
    )


def document_read(text: str) -> Recipe | None:
    """None when it is another JSON than ours, or of a version to come. Raises
    ``EngineError("bad_metadata")``.
    """
    values = mapping(json_decode(text))
    if values.get("version") != VERSION or isinstance(values["version"], bool) or "prompt" not in values:
        return None
    source = values.get("source")
    return Recipe(
        source=source if source in SOURCES else "sdweb",
        prompt=text_of(values["prompt"]),
        negative_prompt=text_of(values.get("negative_prompt")),
        steps=whole(values.get("steps")),
        sampler=text_of(values.get("sampler")),
        scheduler=text_of(values.get("scheduler")),
        cfg_scale=real(values.get("cfg_scale")),
        seed=whole(values.get("seed")),
        width=whole(values.get("width")),
        height=whole(values.get("height")),
        model=text_of(values.get("model")),
        model_hash=text_of(values.get("model_hash")),
        vae=text_of(values.get("vae")),
        clip_skip=whole(values.get("clip_skip")),
        # The portal's own says every field of the request, used or not.
        strength=real(values.get("strength")) if values.get("image", True) else None,
        loras=tuple(_lora(mapping(one)) for one in items(values.get("loras"))),
        extra={key: value for key, value in mapping(values.get("extra")).items() if isinstance(value, str)},
    )


def _lora(values: Mapping[str, Any]) -> RecipeLora:
    weight = real(values.get("weight"))
    return RecipeLora(text_of(values.get("name")), 1.0 if weight is None else weight)
