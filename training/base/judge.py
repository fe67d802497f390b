"""The judge of whether a subject can be recognised: the nearest of many drawn templates.

All subjects and twenty distractors that the model does not draw are drawn in the sizes and
places of the training scenes, on the background that the judged picture has, and compared
at 32 x 32 pixels. Nothing is trained, so nothing can be fitted to the model's mistakes.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from training.data.art import SIZE, Floats, sprite
from training.data.subjects import DISTRACTORS, SUBJECTS

NAMES = (*(subject.emoji for subject in SUBJECTS), *DISTRACTORS)
SIDE = 32
EXTENTS = (64, 88, 96, 104)
SHIFTS = (-12, -8, -4, 0, 4, 8, 12)
BORDER = 6


@cache
def _templates() -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Colours (premultiplied, 0 to 1), opacities and name numbers of all templates."""
    inks, covers, names = [], [], []
    for number, name in enumerate(NAMES):
        for extent in EXTENTS:
            mark = sprite(name, extent)
            for dx in SHIFTS:
                for dy in SHIFTS:
                    layer = Image.new("RGBA", (SIZE, SIZE))
                    at = ((SIZE - mark.width) // 2 + dx, (SIZE - mark.height) // 2 + dy)
                    layer.paste(mark, at)
                    cells = np.asarray(layer, np.float32).reshape(SIDE, 4, SIDE, 4, 4) / 255
                    opacity = cells[..., 3:]
                    inks.append((cells[..., :3] * opacity).mean((1, 3)))
                    covers.append(opacity.mean((1, 3)))
                    names.append(number)
    return np.stack(inks), np.stack(covers), np.array(names)


def border_colour(picture: Floats) -> Floats:
    """Median colour of the outer pixels, in the picture's own range."""
    outer = np.ones((SIZE, SIZE), bool)
    outer[BORDER:-BORDER, BORDER:-BORDER] = False
    colour: Floats = np.median(picture[:, outer], axis=1).astype(np.float32)
    return colour


def ranking(picture: Floats) -> list[int]:
    """Numbers of `NAMES`, the most similar one first."""
    inks, covers, names = _templates()
    shown = (picture.transpose(1, 2, 0) + 1) / 2
    small = shown.reshape(SIDE, 4, SIDE, 4, 3).mean((1, 3)).astype(np.float32)
    ground = (border_colour(picture) + 1) / 2
    best = np.full(len(NAMES), np.inf)
    for start in range(0, len(names), 1024):  # in parts, to need little memory
        part = slice(start, start + 1024)
        drawn = inks[part] + (1 - covers[part]) * ground
        np.minimum.at(best, names[part], np.abs(drawn - small).mean((1, 2, 3)))
    return [int(number) for number in best.argsort()]
