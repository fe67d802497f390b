"""Control images made from pictures by plain image processing: Canny edges and hand-drawn strokes.

Pictures are uint8 RGB arrays of shape (height, width, 3). Control images have the same height and
width, white lines on black: one channel from the functions here, three from `as_rgb`, as a
ControlNet wants it. Nothing here is learnt and nothing has to be downloaded.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

LOW, HIGH = 100, 200  # the usual Canny thresholds, on brightness gradients


def as_rgb(lines: Bytes) -> Bytes:
    """One channel of lines as the three equal channels of a control image."""
    return np.repeat(lines[..., None], 3, axis=2)


def canny(picture: Bytes, low: int = LOW, high: int = HIGH, scale: int = 1) -> Bytes:
    """Edges, 0 or 255, one pixel wide.

    With a `scale` above 1 the edges are found in an enlarged picture and shrunk again, as happens
    when a preprocessor works at a higher resolution than the model: the lines are then grey.
    """
    if scale == 1:
        return np.asarray(cv2.Canny(picture, low, high), np.uint8)
    height, width = picture.shape[:2]
    larger = cv2.resize(picture, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC)
    edges = cv2.Canny(larger, low // scale, high // scale)  # an enlarged edge is as much flatter
    return np.asarray(cv2.resize(edges, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True)
class Strokes:
    """How a scribble is drawn; lengths in pixels of a picture with sides of 128.

    `blur` is the standard deviation that removes fine detail first, `contrast` the Canny threshold
    after it, `shortest` drops shorter lines, `wobble` is the standard deviation of the hand's
    error, `gaps` the share of the lines left out, `outline` draws the silhouette only.
    """

    thickness: int = 4
    blur: float = 1.5
    contrast: int = 60
    shortest: int = 12
    wobble: float = 1.0
    gaps: float = 0.0
    outline: bool = False


def random_strokes(rng: np.random.Generator) -> Strokes:
    """Strokes of many hands: thin to thick, neat to careless, with or without inner lines."""
    return Strokes(
        thickness=int(rng.integers(2, 7)),
        blur=float(rng.uniform(1.0, 2.5)),
        contrast=int(rng.integers(30, 100)),
        shortest=int(rng.integers(8, 24)),
        wobble=float(rng.uniform(0.0, 1.8)),
        gaps=float(rng.choice((0.0, 0.0, 0.05, 0.15))),
        outline=bool(rng.random() < 0.25),
    )


def subject_mask(picture: Bytes, distance: float = 30.0) -> npt.NDArray[np.bool_]:
    """The filled silhouette: what differs from the border's median colour, holes closed.

    `distance` is a colour distance in CIELAB, where 100 lies between black and white.
    """
    shades = np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    outer = np.ones(picture.shape[:2], bool)
    outer[4:-4, 4:-4] = False
    apart = np.linalg.norm(shades - np.median(shades[outer], axis=0), axis=2) > distance
    clean = cv2.morphologyEx(apart.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    outlines, _ = cv2.findContours(clean, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(clean), outlines, -1, 1, cv2.FILLED), bool)


def main_lines(picture: Bytes, strokes: Strokes) -> Bytes:
    """The lines a hand would draw, 0 or 255, one pixel wide and not yet wobbled."""
    if strokes.outline:
        mask = subject_mask(picture, 20.0).astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        edges = np.asarray(cv2.drawContours(np.zeros_like(mask), outlines, -1, 255, 1), np.uint8)
    else:
        soft = cv2.GaussianBlur(picture, (0, 0), strokes.blur)
        edges = np.asarray(cv2.Canny(soft, strokes.contrast // 2, strokes.contrast), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(edges, connectivity=8)
    long = stats[:count, cv2.CC_STAT_AREA] >= strokes.shortest
    long[0] = False  # the ground between the lines
    return np.where(long[labels], np.uint8(255), np.uint8(0))


def _smooth_noise(shape: tuple[int, int], period: float, rng: np.random.Generator) -> Floats:
    """Noise of standard deviation 1 that changes over `period` pixels."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), period)
    return np.asarray(noise / max(float(noise.std()), 1e-6), np.float32)


def draw_strokes(lines: Bytes, strokes: Strokes, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """The scribble and its thin centre lines, both 0 to 255, from one-pixel lines."""
    height, width = lines.shape
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    shift_x, shift_y = (strokes.wobble * _smooth_noise((height, width), 10.0, rng) for _ in range(2))
    thin = cv2.remap(
        cv2.dilate(lines, np.ones((2, 2), np.uint8)), across + shift_x, down + shift_y, cv2.INTER_LINEAR
    )
    if strokes.gaps:
        level = _smooth_noise((height, width), 4.0, rng)
        thin[level < np.quantile(level, strokes.gaps)] = 0
    thin = np.where(thin > 100, np.uint8(255), np.uint8(0))
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (strokes.thickness, strokes.thickness))
    thick = cv2.GaussianBlur(cv2.dilate(thin, pen), (0, 0), 0.8)
    return np.asarray(thick, np.uint8), np.asarray(thin, np.uint8)


def scribble(picture: Bytes, strokes: Strokes, rng: np.random.Generator) -> Bytes:
    """A picture as thick, wobbly strokes, 0 to 255, one channel."""
    return draw_strokes(main_lines(picture, strokes), strokes, rng)[0]
