"""Control maps: for a unit of a request, or to be looked at alone."""

from pathlib import Path
from typing import TYPE_CHECKING

from generation.engine.model_cache import ModelKind
from generation.engine.preprocess.annotator import Annotator
from generation.engine.preprocess.catalog import preprocessor_info
from generation.engine.preprocess.loading import annotator_load
from generation.engine.preprocess.running import preprocess
from generation.engine.scripts.script import Desk, Outcome, Script, Step
from generation.engine.spec import ControlUnit, ModelRef, PreprocessRequest

if TYPE_CHECKING:
    from PIL.Image import Image


def draw_map(desk: Desk, request: PreprocessRequest) -> Script:
    """The script of a ``PreprocessRequest``."""
    picture = yield from control_map(desk, request)
    return Outcome(images=(picture,))


def control_map(
    desk: Desk, unit: ControlUnit | PreprocessRequest, *, mask: "Image | None" = None, seed: int = 0
) -> "Step[Image]":
    """What ``preprocess`` makes of the unit's picture, in a turn of its own. Raises ``EngineError``."""
    annotator = yield from _annotator(desk, unit.preprocessor)
    desk.run.report("preprocessing")
    yield from desk.turn()
    return desk.attempt(lambda: preprocess(unit, annotator=annotator, mask=mask, seed=seed))


def _annotator(desk: Desk, name: str) -> Step[Annotator | None]:
    info = preprocessor_info(name)
    helpers = desk.config.helpers
    if not info.files or helpers is None:
        return annotator_load(name, helpers)
    kind = ModelKind(f"annotator {info.name}", lambda path, _dtype: _loaded(name, path))
    # All of them share the folder, so the name stands in for its content.
    return (yield from desk.model(kind, ModelRef(path=helpers, digest=f"{helpers}", name=info.label)))


def _loaded(name: str, helpers: Path) -> Annotator:
    annotator = annotator_load(name, helpers)
    if annotator is None:
        raise RuntimeError(f"{name} has files and no networks")
    return annotator
