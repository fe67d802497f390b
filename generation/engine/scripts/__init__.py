"""Scripts: how each type of request is carried out, one file for each stage of the way.

``generation`` is the way of a picture: ``painting`` denoises and decodes, beginning from noise or from what
``beginnings`` made of a picture, ``canvas`` cuts out and puts back what a mask is about, ``second_pass`` is
the hires fix, ``finishing`` what is done to finished pictures, ``mapping`` makes control maps.
"""

from collections.abc import Mapping
from typing import Final

from generation.engine.scripts.finishing import process
from generation.engine.scripts.generation import generate
from generation.engine.scripts.mapping import draw_map
from generation.engine.scripts.script import Desk, Outcome, Perform, Script, Want
from generation.engine.spec import GenerationRequest, PreprocessRequest, ProcessRequest, Request

__all__ = ["Desk", "Outcome", "Script", "Want", "script_for"]

_SCRIPTS: Final[Mapping[type, Perform]] = {
    GenerationRequest: generate,
    ProcessRequest: process,
    PreprocessRequest: draw_map,
}


def script_for(desk: Desk, request: Request) -> Script:
    """The script that carries ``request`` out."""
    return _SCRIPTS[type(request)](desk, request)
