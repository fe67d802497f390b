"""Pictures at another size: stretched, cut, or whole with extended borders."""

import numpy as np
import pytest
from PIL import Image

from generation.engine.pictures import fitting, resized
from generation.engine.spec import ResizeMode

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def stripes(width: int = 90, height: int = 30) -> Image.Image:
    """Three vertical bands: red, green, blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for band, colour in enumerate((RED, GREEN, BLUE)):
        pixels[:, band * width // 3 : (band + 1) * width // 3] = colour
    return Image.fromarray(pixels)


@pytest.mark.parametrize("mode", ["stretch", "crop", "fill"])
@pytest.mark.parametrize("picture_mode", ["L", "RGB", "RGBA", "P", "1"])
def test_every_mode_gives_the_size_asked_for(mode: ResizeMode, picture_mode: str) -> None:
    result = resized(stripes().convert(picture_mode), 50, 70, mode)
    assert result.size == (50, 70)
    assert result.mode == (picture_mode if picture_mode in {"L", "RGB", "RGBA"} else "RGB")


def test_stretch_keeps_all_bands() -> None:
    result = resized(stripes(), 30, 60, "stretch", nearest=True)
    assert [result.getpixel((x, 30)) for x in (2, 15, 27)] == [RED, GREEN, BLUE]


def test_crop_keeps_the_middle() -> None:
    result = np.asarray(resized(stripes(), 60, 60, "crop"))
    assert (result[:, 8:-8] == GREEN).all()  # Lanczos looks at six pixels beyond the cut


def test_fill_shows_everything_and_repeats_the_borders() -> None:
    wide = resized(stripes(), 90, 90, "fill", nearest=True)
    assert wide.crop((0, 30, 90, 60)).tobytes() == stripes().tobytes()
    assert [wide.getpixel((x, y)) for y in (0, 89) for x in (5, 45, 85)] == [RED, GREEN, BLUE] * 2
    tall = resized(stripes(), 180, 30, "fill", nearest=True)
    assert [tall.getpixel((x, 15)) for x in (0, 44, 135, 179)] == [RED, RED, BLUE, BLUE]


def test_nearest_makes_no_new_colours() -> None:
    exact = resized(stripes(), 41, 17, "crop", nearest=True)
    assert {colour for _, colour in exact.getcolors() or []} <= {RED, GREEN, BLUE}
    blended = resized(stripes(), 41, 17, "stretch")
    assert len(blended.getcolors() or []) > 3


def test_the_same_size_changes_nothing() -> None:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (24, 40, 3), np.uint8))
    for mode in ("stretch", "crop", "fill"):
        assert resized(picture, 40, 24, mode).tobytes() == picture.tobytes()


def test_a_thread_of_a_picture_costs_no_more_than_any_other() -> None:
    thread = Image.new("RGB", (1, 16_384), GREEN)
    for mode in ("stretch", "crop", "fill"):
        assert resized(thread, 512, 256, mode).getcolors() == [(512 * 256, GREEN)]
    assert fitting(thread.size, 512, 256) == (1, 256)
