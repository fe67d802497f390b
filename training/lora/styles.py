"""The two styles, as algorithms that redraw a scene: these pictures are what the LoRAs learn.

*Line art* takes the outline of the emoji and the strongest borders between its colours, thins them out
to what a 16 x 16 latent can carry, and inks them in strokes of one width on white paper.
*Sunset* lights the emoji by a warm ramp over its brightness, in front of an evening sky.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from training.data.art import SIZE, Floats, Scene, sprite
from training.data.subjects import SUBJECTS

PAPER, INK = (252, 250, 245), (26, 26, 34)
STROKE = 3.6  # pixels
FINE = 4  # lines are found in a picture enlarged by this
SKY = ((62, 28, 108), (150, 46, 128), (228, 88, 88), (246, 140, 72))  # from top to bottom
SKY_AT = (0.0, 0.36, 0.72, 1.0)
LIGHT = ((38, 14, 62), (116, 32, 92), (210, 72, 72), (255, 150, 66), (255, 222, 140), (255, 246, 214))
LIGHT_AT = (0.0, 0.2, 0.42, 0.64, 0.85, 1.0)  # brightness of the emoji
TINT = 0.62  # how much of the light ramp replaces the emoji's own colour

Mask = npt.NDArray[np.uint8]  # 0 and 1

_MARGIN = 4 * FINE
_THIN = 4  # parts thinner than this (pixels) become a stroke, not two
_FROM_OUTLINE, _APART, _SHORTEST = 6, 6, 6  # of inner lines, in pixels
_WEAK, _STRONG = 22.0, 38.0  # colour steps (CIELAB) that go on with a line and that begin one
_BLOT = 0.05  # dark spots up to this share of the square stay solid: eyes, noses


@dataclass(frozen=True)
class Style:
    """A look with the words that ask for it."""

    name: str
    trigger: str
    paint: Callable[[str, int, int, int], Image.Image]
    """Draws an emoji of some extent, moved by dx and dy pixels from the middle."""
    plain_weight: float = 1.0
    """How much more an error counts where the style shows nothing but its background."""

    def draw(self, scene: Scene) -> Image.Image:
        """The scene's subject in this look; the style has a background of its own."""
        return self.paint(SUBJECTS[scene.subject].emoji, scene.extent, scene.dx, scene.dy)


def _disc(diameter: int) -> Mask:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter | 1, diameter | 1)), np.uint8)


def _large(mask: Mask, shortest: float) -> Mask:
    """The connected parts whose longer side is at least `shortest`."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    keep = np.zeros(count, np.uint8)
    keep[1:] = stats[1:, 2:4].max(1) >= shortest
    return np.asarray(keep[labels], np.uint8)


def _away(mask: Mask) -> Floats:
    """Distance of each pixel from the mask."""
    return np.asarray(cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5), np.float32)


def _borders(rgba: Floats) -> Mask:
    """Thin lines where the colours of an emoji change, shading smoothed away."""
    opacity = rgba[..., 3:]
    flat = ((rgba[..., :3] * opacity + 1 - opacity) * 255).astype(np.uint8)
    smooth = cv2.medianBlur(cv2.pyrMeanShiftFiltering(flat, 9, 28, maxLevel=2), 11)
    lab = cv2.cvtColor(cv2.GaussianBlur(smooth, (0, 0), 2.0).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    across, down = (cv2.Sobel(lab, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0))
    best = (across**2 + down**2).argmax(-1)[..., None]
    steps = [(16 * np.take_along_axis(part, best, -1)[..., 0]).astype(np.int16) for part in (across, down)]
    edges = cv2.Canny(steps[0], steps[1], 16 * _WEAK, 16 * _STRONG, L2gradient=True)
    return np.asarray(edges > 0, np.uint8)


def _spread_out(lines: Mask) -> Mask:
    """Of lines that run side by side the longer ones: the others would clog."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    kept = np.zeros_like(lines)
    for label in sorted(range(1, count), key=lambda label: -int(stats[label, 4])):
        clear = _away(kept) > _APART * FINE
        kept |= _large(np.asarray((labels == label) & clear, np.uint8), _SHORTEST * FINE)
    return kept


def _opened(mask: Mask, diameter: int) -> Mask:
    """The mask without what is thinner than `diameter`."""
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disc(diameter)), np.uint8)


def _blots(rgba: Floats) -> Mask:
    """Small dark spots."""
    dark = _opened(np.asarray((rgba[..., :3].mean(-1) < 0.3) & (rgba[..., 3] > 0.5), np.uint8), FINE)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark)
    keep = np.zeros(count, np.uint8)
    keep[1:] = stats[1:, 4] < _BLOT * dark.size
    return np.asarray(keep[labels], np.uint8)


@lru_cache(maxsize=512)
def line_drawing(emoji: str, extent: int) -> Floats:
    """Coverage with ink, 0 to 1, of an emoji `extent` pixels large; centred in its array."""
    mark = sprite(emoji, extent * FINE)
    width, height = (side + 2 * _MARGIN + -side % (2 * FINE) for side in mark.size)
    sheet = Image.new("RGBA", (width, height))
    sheet.paste(mark, ((width - mark.width) // 2, (height - mark.height) // 2))
    rgba = np.asarray(sheet, np.float32) / np.float32(255)
    solid = np.asarray(rgba[..., 3] > 0.5, np.uint8)
    body = _opened(solid, _THIN * FINE)
    outline = np.asarray(cv2.morphologyEx(body, cv2.MORPH_GRADIENT, _disc(3)), np.uint8)
    near_body = np.asarray(cv2.dilate(body, _disc(3)), np.uint8)
    thin = _large(solid & (1 - near_body), _SHORTEST * FINE / 2)
    inside = np.asarray(_away(1 - body) > _FROM_OUTLINE * FINE, np.uint8)
    drawn = outline | _spread_out(_large(_borders(rgba) & inside, _SHORTEST * FINE))
    ink = np.clip(STROKE * FINE / 2 + 0.5 - _away(drawn), 0, 1)
    spots = cv2.GaussianBlur((thin | _blots(rgba)).astype(np.float32), (0, 0), FINE / 3)
    small = (width // FINE, height // FINE)
    full = np.asarray(np.maximum(ink, spots), np.float32)
    return np.asarray(cv2.resize(full, small, interpolation=cv2.INTER_AREA), np.float32)


def _placed(layer: Floats, dx: int, dy: int) -> Floats:
    """A layer (height, width, ...) on an empty square, as far from its middle as said."""
    height, width = layer.shape[:2]
    top, left = (SIZE - height) // 2 + dy + SIZE, (SIZE - width) // 2 + dx + SIZE
    canvas = np.zeros((3 * SIZE, 3 * SIZE, *layer.shape[2:]), np.float32)
    canvas[top : top + height, left : left + width] = layer
    return canvas[SIZE : 2 * SIZE, SIZE : 2 * SIZE]


def _picture(colours: Floats) -> Image.Image:
    return Image.fromarray(colours.clip(0, 255).round().astype(np.uint8))


def line_art(emoji: str, extent: int, dx: int, dy: int) -> Image.Image:
    """The emoji as a line drawing on paper."""
    ink = _placed(line_drawing(emoji, extent), dx, dy)[..., None]
    return _picture(np.asarray(PAPER, np.float32) * (1 - ink) + np.asarray(INK, np.float32) * ink)


def _ramp(level: Floats, at: tuple[float, ...], colours: tuple[tuple[int, int, int], ...]) -> Floats:
    """Colours along a gradient; `level` is 0 to 1."""
    channels = np.asarray(colours, np.float32).T
    return np.stack([np.interp(level, at, channel) for channel in channels], -1).astype(np.float32)


def sky() -> Floats:
    """The evening sky, (SIZE, SIZE, 3) in 0 to 255."""
    height = np.linspace(0, 1, SIZE, dtype=np.float32)
    return np.repeat(_ramp(height, SKY_AT, SKY)[:, None], SIZE, 1)


def sunset(emoji: str, extent: int, dx: int, dy: int) -> Image.Image:
    """The emoji in evening light."""
    layer = _placed(np.asarray(sprite(emoji, extent), np.float32), dx, dy)
    own, opacity = layer[..., :3], layer[..., 3:] / np.float32(255)
    brightness = own @ np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255)
    tint = np.float32(TINT)
    lit = tint * _ramp(brightness, LIGHT_AT, LIGHT) + (1 - tint) * own
    return _picture(sky() * (1 - opacity) + lit * opacity)


STYLES = {
    "line-art": Style("line-art", "line art", line_art, plain_weight=6.0),
    "sunset": Style("sunset", "sunset", sunset),
}
