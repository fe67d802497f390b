"""From a picture file to its recipe, whichever program wrote it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from generation.engine.errors import EngineError
from generation.engine.infotext.a1111 import recipe_from_parameters
from generation.engine.infotext.comfy import recipe_from_graph
from generation.engine.infotext.containers import texts_read
from generation.engine.infotext.document import document_read
from generation.engine.infotext.foreign import (
    recipe_from_dream,
    recipe_from_invoke,
    recipe_from_invoke_2,
    recipe_from_novelai,
    recipe_from_parameters_json,
)
from generation.engine.infotext.recipe import Recipe


def recipe_read(content: bytes) -> Recipe | None:
    """The recipe in a picture file, None if it carries none. Raises ``EngineError("bad_metadata")``."""
    return recipe_from_texts(texts_read(content))


def recipe_from_texts(texts: Mapping[str, str]) -> Recipe | None:
    """The recipe in texts by name, as ``texts_read`` gives them.

    A text that is broken counts only when no other one has the recipe: then its
    ``EngineError("bad_metadata")`` is raised.
    """
    broken: EngineError | None = None
    for attempt in _attempts(texts):
        try:
            recipe = attempt()
        except EngineError as error:
            broken = broken or error
        else:
            if recipe is not None:
                return recipe
    if broken is not None:
        raise broken
    return None


def _attempts(texts: Mapping[str, str]) -> Iterator[Callable[[], Recipe | None]]:
    """The readers that have something to read, the most exact first."""
    by_name = (
        ("recipe", document_read),
        ("invokeai_metadata", recipe_from_invoke),
        ("sd-metadata", recipe_from_invoke_2),
        ("Dream", recipe_from_dream),
        ("parameters", _recipe_from_parameters),
        ("prompt", recipe_from_graph),
    )
    for name, read in by_name:
        if name in texts:
            yield partial(read, texts[name])
    yield partial(recipe_from_novelai, texts)


def _recipe_from_parameters(text: str) -> Recipe | None:
    is_json = text.lstrip()[:1] == "{"
    return (recipe_from_parameters_json(text) if is_json else None) or recipe_from_parameters(text)
