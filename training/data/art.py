"""Draws the training pictures: emoji composed on coloured backgrounds.

Each picture follows from a `Scene`, and each scene from a seed, so that a cache of
latents can be decoded against pictures that are drawn again instead of stored.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from .subjects import COLOURS, SUBJECTS, held_out

SIZE = 128
FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")  # Debian: fonts-noto-color-emoji
FONT_SIZE = 109  # the only bitmap size in the font
FONT_EMOJI_VERSION = 14  # later emoji may be missing from the font

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """Everything that decides one training picture, and its caption."""

    subject: int
    colour: int
    small: bool
    extent: int  # longer side of the emoji, pixels
    dx: int
    dy: int
    shade: tuple[int, int, int]


@lru_cache(maxsize=4096)
def sprite(emoji: str, extent: int, font: Path = FONT) -> Image.Image:
    """The emoji as RGBA, cropped to its ink and scaled so that its longer side is `extent`."""
    face = ImageFont.truetype(str(font), FONT_SIZE)
    canvas = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(canvas).text((10, 10), emoji, font=face, embedded_color=True)
    box = canvas.getbbox()
    if box is None:
        raise ValueError(f"the font has no glyph for {emoji!r}")
    cut = canvas.crop(box)
    scale = extent / max(cut.size)
    width, height = (max(1, round(side * scale)) for side in cut.size)
    return cut.resize((width, height), Image.Resampling.LANCZOS)


def draw_scene(scene: Scene) -> Image.Image:
    """The RGB picture of a scene."""
    image = Image.new("RGB", (SIZE, SIZE), scene.shade)
    mark = sprite(SUBJECTS[scene.subject].emoji, scene.extent)
    at = ((SIZE - mark.width) // 2 + scene.dx, (SIZE - mark.height) // 2 + scene.dy)
    image.paste(mark, at, mark)
    return image


def random_scene(rng: np.random.Generator) -> Scene:
    """A scene from the training distribution; held-out pairs are never drawn.

    Shifts come in whole latent cells (8 px): a shifted subject is then the same latent
    pattern elsewhere, which a small convolutional network learns from far fewer samples.
    """
    while True:
        subject, colour = int(rng.integers(len(SUBJECTS))), int(rng.integers(len(COLOURS)))
        if not held_out(subject, colour):
            break
    small = bool(rng.random() < 0.12)
    extent = 64 if small else int(rng.choice((96, 104)))
    steps = (-16, -8, 0, 8, 16) if small else (-8, 0, 8)
    weights = (0.1, 0.15, 0.5, 0.15, 0.1) if small else (0.15, 0.7, 0.15)
    dx, dy = (int(step) for step in rng.choice(steps, size=2, p=weights))
    return Scene(subject, colour, small, extent, dx, dy, _shade(rng, COLOURS[colour].rgb))


def scene_of(seed: int, index: int) -> Scene:
    """Scene number `index` of the fixed set `seed`."""
    return random_scene(np.random.default_rng((seed, index)))


def _shade(rng: np.random.Generator, rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """The palette colour, a little lighter or darker, so that seeds differ."""
    noise = rng.normal(0, 4) + rng.normal(0, 2, 3)
    red, green, blue = (int(value) for value in np.clip(np.array(rgb) + noise, 0, 255))
    return red, green, blue


def extra_emoji(data: Path) -> list[str]:
    """Further single-glyph emoji, from emojibase-data's `en/data.json` (for the VAE only)."""
    entries = json.loads(data.read_text(encoding="utf-8"))
    skipped = {2, 8, 9}  # components, symbols and flags
    return [
        entry["emoji"]
        for entry in entries
        if entry.get("group", 2) not in skipped
        and "\u200d" not in entry["emoji"]
        and entry["version"] <= FONT_EMOJI_VERSION
    ]


def varied_picture(rng: np.random.Generator, others: list[str]) -> Image.Image:
    """A picture for the VAE: mostly training scenes, freely placed, some of anything else."""
    if rng.random() < 0.5:
        return draw_scene(random_scene(rng))
    free = rng.random() < 0.5
    shade = _shade(rng, COLOURS[int(rng.integers(len(COLOURS)))].rgb)
    if free:
        red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
        shade = (red, green, blue)
    image = Image.new("RGB", (SIZE, SIZE), shade)
    for _ in range(int(rng.integers(2, 4)) if free and rng.random() < 0.4 else 1):
        names = others if free else [subject.emoji for subject in SUBJECTS]
        mark = sprite(names[int(rng.integers(len(names)))], int(rng.integers(6, 15)) * 8)
        reach = (SIZE - min(mark.size)) // 2
        dx, dy = (int(step) for step in rng.integers(-reach, reach + 1, 2))
        image.paste(mark, ((SIZE - mark.width) // 2 + dx, (SIZE - mark.height) // 2 + dy), mark)
    return image


def to_array(images: list[Image.Image]) -> Floats:
    """Pictures as a (batch, 3, height, width) array in [-1, 1]."""
    stack = np.stack([np.asarray(image, dtype=np.float32) for image in images])
    return np.ascontiguousarray(stack.transpose(0, 3, 1, 2)) / np.float32(127.5) - np.float32(1)
