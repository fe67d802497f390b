"""The recipe of a picture: written into it, and read from pictures of ours and of other programs. Needs no
torch.

``infotext_write`` makes A1111's ``parameters`` text; ``Recipe`` with ``document_write`` is our versioned
JSON. ``recipe_read`` takes a file (PNG, JPEG, WebP, AVIF, GIF) and understands A1111, Forge, SD.Next,
ComfyUI, InvokeAI, Fooocus, SwarmUI and NovelAI. Files are hostile until proved otherwise: everything is
bounded before it is decoded, and what cannot be read is one ``EngineError("bad_metadata")``.
"""

from generation.engine.infotext.a1111 import Parameters, parameters_dict, parameters_split
from generation.engine.infotext.containers import texts_read
from generation.engine.infotext.document import document_read, document_write
from generation.engine.infotext.exif import exif_write
from generation.engine.infotext.form import recipe_fields
from generation.engine.infotext.reading import recipe_from_texts, recipe_read
from generation.engine.infotext.recipe import Recipe, RecipeLora
from generation.engine.infotext.units import unit_read, unit_write
from generation.engine.infotext.writing import infotext_format, infotext_write, recipe_of

__all__ = [
    "Parameters",
    "Recipe",
    "RecipeLora",
    "document_read",
    "document_write",
    "exif_write",
    "infotext_format",
    "infotext_write",
    "parameters_dict",
    "parameters_split",
    "recipe_fields",
    "recipe_from_texts",
    "recipe_of",
    "recipe_read",
    "texts_read",
    "unit_read",
    "unit_write",
]
