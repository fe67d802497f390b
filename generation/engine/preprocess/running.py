"""From a picture to its map."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from PIL import Image

from generation.engine.preprocess import plain
from generation.engine.preprocess.annotator import Annotator
from generation.engine.preprocess.catalog import PreprocessorInfo, parameters_checked, preprocessor_info
from generation.engine.preprocess.face_mesh import face_mesh
from generation.engine.preprocess.subject import Pixels, Subject, opaque, pixels_at
from generation.engine.spec import ControlUnit, PreprocessRequest

PLAIN: Final[Mapping[str, Callable[[Subject], Pixels]]] = {
    "none": plain.passthrough,
    "invert": plain.invert,
    "threshold": plain.threshold,
    "canny": plain.canny,
    "blur_gaussian": plain.blur,
    "tile_resample": plain.tile,
    "t2ia_color_grid": plain.colour_grid,
    "recolor_luminance": plain.luminance,
    "recolor_intensity": plain.intensity,
    "scribble_xdog": plain.xdog,
    "lineart_standard": plain.line_drawing,
    "shuffle": plain.shuffle,
    "inpaint_only": plain.inpaint,
    "mediapipe_face": face_mesh,
}
"""By the catalog's names: those that need no files."""


def preprocess(
    unit: ControlUnit | PreprocessRequest,
    *,
    annotator: Annotator | None = None,
    mask: Image.Image | None = None,
    seed: int = 0,
) -> Image.Image:
    """The map of ``unit.image``: RGB, but RGBA with transparent holes for ``inpaint_only``.

    It has the picture's shape and about ``unit.resolution`` on its shorter side (the picture's own size where
    the preprocessor takes no resolution): ``maps.fit_control`` brings it to the size that is painted.
    ``annotator`` is what ``annotator_load`` gave for this preprocessor; ``mask`` (white is painted anew, any
    size) is for those that need one, and a transparent picture is its own. ``seed`` is all that chance
    depends on.

    Raises ``EngineError`` with code ``unknown_preprocessor``, ``invalid_request``, ``package_missing`` or
    ``model_corrupt``; may raise ``torch.OutOfMemoryError``.
    """
    info = preprocessor_info(unit.preprocessor)
    parameters = parameters_checked(info, unit.parameters)
    if info.takes_resolution:
        pixels = pixels_at(unit.image, unit.resolution)
    else:
        pixels = np.asarray(opaque(unit.image))
    hole = _mask(info, unit.image, mask)
    subject = Subject(pixels=pixels, parameters=parameters, seed=seed, mask=hole)
    look = PLAIN[info.name] if annotator is None else annotator.look
    picture = Image.fromarray(look(subject))
    return picture if picture.mode == "RGBA" else picture.convert("RGB")


def _mask(info: PreprocessorInfo, image: Image.Image, mask: Image.Image | None) -> Pixels | None:
    """(height, width) of the picture, 255 for what is painted anew."""
    if not info.needs_mask:
        return None
    if mask is not None:
        return np.asarray(mask.convert("L").resize(image.size, Image.Resampling.BILINEAR))
    if image.has_transparency_data:
        return np.asarray(255 - np.asarray(image.convert("RGBA").getchannel("A")), dtype=np.uint8)
    return None
