"""Maps that need no network: edges, lines, greys and colours by arithmetic alone."""

import cv2
import numpy as np

from generation.engine.errors import EngineError
from generation.engine.preprocess.subject import Greys, Pixels, Subject

XDOG_BLURS = (0.5, 5.0)
"""Standard deviations in pixels of the narrow and the broad blur, A1111's choice."""


def passthrough(subject: Subject) -> Pixels:
    return subject.pixels


def invert(subject: Subject) -> Pixels:
    return np.asarray(255 - subject.pixels, dtype=np.uint8)


def threshold(subject: Subject) -> Pixels:
    """White where the mean of red, green and blue is above the threshold."""
    grey = subject.pixels.mean(axis=2)
    return np.where(grey > subject.number("threshold"), 255, 0).astype(np.uint8)


def canny(subject: Subject) -> Pixels:
    """Canny's edges (1986) with hysteresis between the two thresholds."""
    edges = cv2.Canny(subject.pixels, subject.number("canny_low"), subject.number("canny_high"))
    return np.asarray(edges, dtype=np.uint8)


def blur(subject: Subject) -> Pixels:
    """A Gaussian blur whose standard deviation is given in pixels."""
    return np.asarray(cv2.GaussianBlur(subject.pixels, (0, 0), subject.number("sigma")), dtype=np.uint8)


def tile(subject: Subject) -> Pixels:
    """Each side divided by the rate, averaged over areas."""
    height, width = subject.pixels.shape[:2]
    rate = subject.number("downsampling")
    size = max(1, int(width / rate)), max(1, int(height / rate))
    return np.asarray(cv2.resize(subject.pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def colour_grid(subject: Subject) -> Pixels:
    """The mean colour of every square, as Mou et al. train the colour adapter (arXiv:2302.08453)."""
    height, width = subject.pixels.shape[:2]
    cell = subject.number("grid_cell")
    cells = max(1, round(width / cell)), max(1, round(height / cell))
    means = cv2.resize(subject.pixels, cells, interpolation=cv2.INTER_AREA)
    grid = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(grid, dtype=np.uint8)


def luminance(subject: Subject) -> Pixels:
    """The lightness of CIELAB."""
    return _gamma(
        np.asarray(cv2.cvtColor(subject.pixels, cv2.COLOR_RGB2LAB)[:, :, 0], np.uint8),
        subject.number("gamma"),
    )


def intensity(subject: Subject) -> Pixels:
    """The value of HSV."""
    return _gamma(subject.pixels.max(axis=2), subject.number("gamma"))


def xdog(subject: Subject) -> Pixels:
    """White where a narrow blur is darker than a broad one by more than half of the threshold, in every
    channel (after the difference of Gaussians of Winnemöller et al. 2012).
    """
    picture = subject.pixels.astype(np.float32)
    narrow, broad = (cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in XDOG_BLURS)
    darker = np.min(broad - narrow, axis=2)
    return np.where(2 * darker > subject.number("xdog_threshold"), 255, 0).astype(np.uint8)


def line_drawing(subject: Subject) -> Pixels:
    """How much darker a pixel is than its surroundings, in every channel; typical lines come out mid-grey."""
    picture = subject.pixels.astype(np.float32)
    around = cv2.GaussianBlur(picture, (0, 0), subject.number("line_sigma"))
    darker = np.min(around - picture, axis=2).clip(0, 255)
    lines = darker[darker > subject.number("line_threshold")]
    typical = float(np.median(lines)) if lines.size else 0.0
    return np.asarray((darker / max(16.0, typical) * 127).clip(0, 255), dtype=np.uint8)


def shuffle(subject: Subject) -> Pixels:
    """Every pixel from a place that changes smoothly, drawn from the seed alone (the content shuffle of
    ControlNet 1.1).
    """
    height, width = subject.pixels.shape[:2]
    noise = np.random.default_rng(subject.seed)
    grain = int(subject.number("shuffle_grain"))
    places = [_smooth_noise(noise, height, width, grain) * (side - 1) for side in (width, height)]
    moved = cv2.remap(subject.pixels, places[0], places[1], cv2.INTER_LINEAR)
    return np.asarray(moved, dtype=np.uint8)


def inpaint(subject: Subject) -> Pixels:
    """RGBA, transparent where the mask is white: ``maps.control_tensor`` makes holes of it."""
    if subject.mask is None:
        raise EngineError(
            "invalid_request",
            "The preprocessor inpaint_only needs a mask.",
            hint="Paint the part to be made anew, or send a picture that is transparent there.",
            field="mask",
        )
    alpha = np.where(subject.mask < 128, 255, 0).astype(np.uint8)
    return np.dstack([subject.pixels, alpha])


def _gamma(grey: Pixels, gamma: float) -> Pixels:
    table = ((np.arange(256) / 255.0) ** gamma * 255.0).round().astype(np.uint8)
    return np.asarray(table[grey], dtype=np.uint8)


def _smooth_noise(noise: np.random.Generator, height: int, width: int, grain: int) -> Greys:
    """(height, width), 0 to 1: one random number every ``grain`` pixels, and smooth between them."""
    coarse = noise.random((height // grain + 2, width // grain + 2), dtype=np.float32)
    fine = cv2.resize(coarse, (width + 2 * grain, height + 2 * grain), interpolation=cv2.INTER_CUBIC)
    inner = np.asarray(fine[grain : grain + height, grain : grain + width], dtype=np.float32)
    lowest, highest = float(inner.min()), float(inner.max())
    return (inner - lowest) / max(highest - lowest, 1e-6)
