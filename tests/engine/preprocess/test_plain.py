"""Preprocessors that need no files: what their maps show."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from generation.engine.errors import EngineError
from generation.engine.preprocess.catalog import PREPROCESSORS, preprocessor_info
from generation.engine.preprocess.loading import annotator_load
from generation.engine.preprocess.running import PLAIN
from generation.engine.preprocess.subject import LONGEST, working_size
from tests.engine.preprocess.drawing import GREY, RED, made, photo, pixels, square

WORKING = sorted(set(PLAIN) - {"mediapipe_face"})


@pytest.mark.parametrize("name", WORKING)
def test_it_works_without_files_on_every_kind_of_picture(name: str) -> None:
    assert annotator_load(name, None) is None
    mask = Image.new("L", (5, 7), 255)
    for mode in ("RGB", "L", "RGBA", "P", "1", "LA", "CMYK", "I;16"):
        result = made(name, photo(96, 64).convert("L" if mode == "I;16" else mode).convert(mode), mask=mask)
        assert result.mode == ("RGBA" if name == "inpaint_only" else "RGB")
        sized = preprocessor_info(name).takes_resolution
        assert result.size == ((192, 128) if sized else (96, 64))


@pytest.mark.parametrize("name", WORKING)
def test_the_same_request_gives_the_same_map_and_leaves_chance_alone(name: str) -> None:
    mask = Image.new("L", (8, 8), 255)
    picture = photo()
    before = picture.tobytes()
    np.random.seed(1)
    chance = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # type: ignore[index]
    first, second = (made(name, picture, mask=mask, seed=5) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert picture.tobytes() == before
    np.testing.assert_array_equal(np.random.get_state()[1], chance[0])  # type: ignore[index]
    assert torch.equal(torch.random.get_rng_state(), chance[1])


@pytest.mark.parametrize(
    ("size", "resolution", "expected"),
    [
        ((640, 480), 512, (704, 512)),
        ((480, 640), 512, (512, 704)),
        ((100, 100), 64, (64, 64)),
        ((1000, 1000), 500, (512, 512)),
        ((1, 16_384), 512, (64, LONGEST)),
        ((16_384, 4), 2048, (LONGEST, 64)),
    ],
)
def test_the_resolution_is_the_shorter_side(
    size: tuple[int, int], resolution: int, expected: tuple[int, int]
) -> None:
    assert working_size(size, resolution) == expected


def test_none_is_the_picture_itself() -> None:
    assert made("none", square()).tobytes() == square().tobytes()


def test_transparency_shows_white() -> None:
    glass = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    assert made("none", glass).getcolors() == [(64 * 64, (255, 255, 255))]


def test_invert() -> None:
    assert (pixels(made("invert", photo())) + pixels(photo()) == 255).all()


def test_canny_finds_the_square() -> None:
    edges = pixels(made("canny", square()))[:, :, 0]
    assert set(np.unique(edges)) == {0, 255}
    rows, columns = np.nonzero(edges)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx((30, 90, 40, 100), abs=2)
    outline = np.zeros(edges.shape, bool)
    outline[28:93, 38:103] = True
    outline[33:88, 43:98] = False
    assert not edges[~outline].any()
    assert (edges[outline] > 0).sum() > 200


def test_canny_equals_that_of_opencv_and_obeys_its_thresholds() -> None:
    picture = photo()
    expected = cv2.Canny(np.asarray(picture), 20, 60)
    few = made("canny", picture)
    many = made("canny", picture, parameters={"canny_low": 20, "canny_high": 60})
    np.testing.assert_array_equal(np.asarray(many)[:, :, 0], expected)
    assert pixels(many).sum() > 1.2 * pixels(few).sum()


def test_threshold() -> None:
    ramp = Image.fromarray(np.tile(np.arange(192, dtype=np.uint8), (128, 1)))
    result = pixels(made("threshold", ramp, parameters={"threshold": 90}))[:, :, 0]
    assert (result == np.where(pixels(ramp) > 90, 255, 0)).all()


def test_blur_keeps_the_mean_and_spreads_edges() -> None:
    little, much = (pixels(made("blur_gaussian", square(), parameters={"sigma": sigma})) for sigma in (1, 12))
    steps = [np.abs(np.diff(each[60, :, 0])).max() for each in (pixels(square()), little, much)]
    assert steps[0] > 2 * steps[1] > 4 * steps[2]
    assert much.mean() == pytest.approx(pixels(square()).mean(), abs=1)


def test_tile_averages_areas() -> None:
    result = made("tile_resample", photo(), parameters={"downsampling": 4})
    assert result.size == (48, 32)
    blocks = pixels(photo()).reshape(32, 4, 48, 4, 3).mean(axis=(1, 3))
    assert np.abs(pixels(result) - blocks).max() <= 0.5
    tiny = made("tile_resample", Image.new("RGB", (3, 3), RED), parameters={"downsampling": 8})
    assert tiny.getcolors() == [(1, RED)]


@pytest.mark.parametrize("cell", [32, 64])
def test_the_colour_grid_is_the_mean_of_its_squares(cell: int) -> None:
    result = pixels(made("t2ia_color_grid", photo(), parameters={"grid_cell": cell}))
    blocks = pixels(photo()).reshape(128 // cell, cell, 192 // cell, cell, 3).mean(axis=(1, 3))
    expected = blocks.repeat(cell, axis=0).repeat(cell, axis=1)
    assert np.abs(result - expected).max() <= 0.5


def test_recolouring_takes_the_colours_away() -> None:
    picture = Image.new("RGB", (64, 64), RED)
    assert made("recolor_intensity", picture).getpixel((3, 3)) == (255, 255, 255)
    lightness = made("recolor_luminance", picture).getpixel((3, 3))
    assert lightness == pytest.approx((136, 136, 136), abs=1)  # CIELAB's L* of pure red is 53.2
    darker = made("recolor_luminance", picture, parameters={"gamma": 2.0}).getpixel((3, 3))
    assert isinstance(darker, tuple)
    assert darker[0] == pytest.approx(255 * (136 / 255) ** 2, abs=1)


def lines() -> Image.Image:
    """Two black strokes on white, one of them faint."""
    picture = Image.new("RGB", (192, 128), "white")
    draw = ImageDraw.Draw(picture)
    draw.line((20, 64, 90, 64), fill="black", width=2)
    draw.line((110, 64, 180, 64), fill=(240, 240, 240), width=2)
    return picture


def test_xdog_draws_what_is_darker_than_its_surroundings() -> None:
    result = pixels(made("scribble_xdog", lines()))[:, :, 0]
    assert set(np.unique(result)) == {0, 255}
    assert (result[64, 30:80] == 255).all()
    assert not result[:40].any()
    assert not result[64, 120:170].any()
    fine = pixels(made("scribble_xdog", lines(), parameters={"xdog_threshold": 4}))[:, :, 0]
    assert (fine[64, 120:170] == 255).all()


def test_a_line_drawing_becomes_white_on_black() -> None:
    result = pixels(made("lineart_standard", lines()))[:, :, 0]
    assert result[64, 55] > 100
    assert 3 < result[64, 145] < 60
    assert not result[:30].any()
    faint = pixels(made("lineart_standard", lines(), parameters={"line_threshold": 64}))[:, :, 0]
    assert faint[64, 145] < result[64, 145]
    assert not pixels(made("lineart_standard", Image.new("RGB", (64, 64), GREY))).any()


def test_shuffle_depends_on_the_seed_alone() -> None:
    results = [made("shuffle", photo(), seed=seed) for seed in (1, 1, 2)]
    assert results[0].tobytes() == results[1].tobytes() != results[2].tobytes()
    assert np.abs(pixels(results[0]) - pixels(photo())).mean() > 20


def test_shuffle_keeps_the_palette_and_grain_sets_its_swirls() -> None:
    halves = Image.new("RGB", (192, 128), RED)
    halves.paste((0, 0, 255), (0, 0, 96, 128))
    for grain in (16, 256):
        result = pixels(made("shuffle", halves, seed=3, parameters={"shuffle_grain": grain}))
        assert not result[:, :, 1].any()
        assert 0.2 < (result[:, :, 0] > 127).mean() < 0.8
    changes = [
        np.abs(
            np.diff(pixels(made("shuffle", halves, seed=3, parameters={"shuffle_grain": grain})), axis=1)
        ).sum()
        for grain in (16, 256)
    ]
    assert changes[0] > 2 * changes[1]


def test_inpaint_cuts_a_hole() -> None:
    mask = Image.new("L", (96, 64))
    mask.paste(255, (0, 0, 48, 64))
    result = pixels(made("inpaint_only", photo(), mask=mask))
    assert (result[:, :, :3] == pixels(photo())).all()
    assert not result[:, :94, 3].any()
    assert (result[:, 98:, 3] == 255).all()


def test_inpaint_takes_transparency_for_a_mask_and_misses_one() -> None:
    glass = photo().convert("RGBA")
    glass.putalpha(Image.fromarray((np.indices((128, 192))[1] >= 50).astype(np.uint8) * 255))
    assert (pixels(made("inpaint_only", glass))[0, :, 3] == np.where(np.arange(192) < 50, 0, 255)).all()
    with pytest.raises(EngineError) as caught:
        made("inpaint_only", photo())
    assert (caught.value.code, caught.value.field) == ("invalid_request", "mask")


MEDIAPIPE = importlib.util.find_spec("mediapipe") is not None


@pytest.mark.skipif(not MEDIAPIPE, reason="mediapipe is not installed")
def test_mediapipe_outlines_a_face() -> None:
    import skimage

    portrait = Image.open(Path(skimage.__file__).parent / "data/astronaut.png")
    drawn = pixels(made("mediapipe_face", portrait, resolution=512)).any(axis=2)
    rows, columns = np.nonzero(drawn)
    assert 60 < rows.min() < rows.max() < 190
    assert 160 < columns.min() < columns.max() < 290
    assert not made("mediapipe_face", portrait, parameters={"min_confidence": 1.0}).getbbox()


@pytest.mark.skipif(MEDIAPIPE, reason="mediapipe is installed")
def test_mediapipe_is_named_when_it_is_missing() -> None:
    with pytest.raises(EngineError) as caught:
        made("mediapipe_face", photo())
    assert (caught.value.code, caught.value.field) == ("package_missing", "controlnet.preprocessor")
    assert "mediapipe" in caught.value.message
    assert "mediapipe==0.10.21" in caught.value.hint


@pytest.mark.parametrize("name", [info.name for info in PREPROCESSORS])
def test_bad_parameters_are_refused_before_any_work(name: str) -> None:
    with pytest.raises(EngineError) as caught:
        made(name, photo(), parameters={"no_such": 1})
    assert (caught.value.code, caught.value.field) == ("invalid_request", "controlnet.no_such")
