"""Pictures for the ControlNets: the base's scenes, and others that its prompts cannot ask for.

A ControlNet that only sees the base's own compositions learns which of them is meant instead of
where the edges are. So half of the pictures are mirrored, turned, moved and resized subjects,
emoji the base has never heard of, and drawn shapes; and half of all captions name nothing.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from training.controlnet.control_images import Bytes
from training.data.art import SIZE, draw_scene, random_scene, scene_of, sprite
from training.data.captions import caption, empty_caption
from training.data.subjects import COLOURS, SUBJECTS

EXTRA_SEED = 21
EMPTY = 0.5  # share of captions that name nothing: only the edges tell the shape
WRONG = 0.15  # share that names another subject: the edges decide the shape


@dataclass(frozen=True)
class Drawing:
    """A picture with what can be said of it; `subject` is None where the base has no name for it."""

    picture: Bytes
    subject: int | None
    colour: int
    small: bool = False


def base_drawing(seed: int, index: int) -> Drawing:
    """One of the base's own scenes."""
    scene = scene_of(seed, index)
    return Drawing(np.asarray(draw_scene(scene)), scene.subject, scene.colour, scene.small)


def _paste(image: Image.Image, emoji: str, extent: int, rng: np.random.Generator) -> None:
    """Put an emoji anywhere inside the picture, often mirrored, sometimes turned."""
    mark = sprite(emoji, extent)
    if rng.random() < 0.5:
        mark = mark.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.25:
        mark = mark.rotate(float(rng.uniform(-35, 35)), Image.Resampling.BICUBIC, expand=True)
        mark.thumbnail((SIZE - 8, SIZE - 8))
    left, top = (int(rng.integers(0, max(1, SIZE - side + 1))) for side in mark.size)
    image.paste(mark, (left, top), mark)


def _any_colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in COLOURS[int(rng.integers(len(COLOURS)))].rgb)
    return red, green, blue


def _draw_shapes(picture: Bytes, rng: np.random.Generator) -> None:
    """One to four ellipses or rounded polygons of plain colours, later ones inside or over earlier."""
    centre, reach = rng.uniform(48, 80, 2), float(rng.uniform(32, 64))
    for _ in range(int(rng.integers(1, 5))):
        corners = int(rng.choice((3, 4, 5, 6, 10, 40)))
        angles = rng.uniform(0, 2 * np.pi) + np.arange(corners) * 2 * np.pi / corners
        uneven = rng.uniform(0.55, 1.0, corners) if corners <= 10 else np.ones(corners)
        stretch = reach * rng.uniform(0.6, 1.0, 2)
        points = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * uneven[:, None] * stretch
        cv2.fillPoly(picture, [np.round(points * 16).astype(np.int32)], _any_colour(rng), cv2.LINE_AA, 4)
        centre, reach = centre + rng.uniform(-0.4, 0.4, 2) * reach, reach * float(rng.uniform(0.3, 0.6))


def extra_drawing(rng: np.random.Generator, others: list[str]) -> Drawing:
    """A picture outside the base's compositions; the background stays one of its colours."""
    scene = random_scene(rng)  # its pair of subject and colour is never a held-out one
    image = Image.new("RGB", (SIZE, SIZE), scene.shade)
    kind, extent = rng.random(), int(rng.integers(48, 117))
    if kind < 0.45:
        _paste(image, SUBJECTS[scene.subject].emoji, extent, rng)
        return Drawing(np.asarray(image), scene.subject, scene.colour, extent <= 64)
    if kind < 0.85:
        _paste(image, others[int(rng.integers(len(others)))], extent, rng)
        if rng.random() < 0.2:
            _paste(image, others[int(rng.integers(len(others)))], int(rng.integers(40, 72)), rng)
        return Drawing(np.asarray(image), None, scene.colour)
    picture = np.array(image)
    _draw_shapes(picture, rng)
    return Drawing(picture, None, scene.colour)


def extra_of(index: int, others: list[str]) -> Drawing:
    """Extra picture number `index` of the fixed set."""
    return extra_drawing(np.random.default_rng((EXTRA_SEED, index)), others)


def caption_for(drawing: Drawing, rng: np.random.Generator) -> str:
    """Nothing half of the time, else the right background and mostly the right subject."""
    kind = rng.random()
    if kind < EMPTY:
        return empty_caption(rng)
    if drawing.subject is None or kind < EMPTY + WRONG:
        return caption(rng, int(rng.integers(len(SUBJECTS))), drawing.colour, small=False)
    return caption(rng, drawing.subject, drawing.colour, small=drawing.small)
