"""Maps at the size of the picture, and as a ControlNet takes them."""

import numpy as np
import pytest
import torch
from PIL import Image

from generation.engine.pictures import resized
from generation.engine.preprocess.maps import HOLE, control_tensor, fit_control
from generation.engine.spec import ResizeMode
from tests.engine.preprocess.drawing import photo, pixels


@pytest.mark.parametrize("mode", ["stretch", "crop"])
def test_a_map_is_scaled_like_any_picture(mode: ResizeMode) -> None:
    for nearest in (False, True):
        fitted = fit_control(photo(), 128, 128, mode, nearest=nearest)
        assert fitted.tobytes() == resized(photo(), 128, 128, mode, nearest=nearest).tobytes()


def test_fill_surrounds_a_map_with_its_borders_usual_colour() -> None:
    line = np.zeros((32, 64, 3), np.uint8)
    line[16] = 255  # touches both borders
    fitted = pixels(fit_control(Image.fromarray(line), 64, 64, "fill", nearest=True))
    assert (fitted[16:48] == line).all()
    assert not fitted[:16].any()
    assert not fitted[48:].any()
    tall = pixels(fit_control(Image.fromarray(line), 128, 32, "fill", nearest=True))
    assert not tall[:, :32].any()
    assert not tall[:, 96:].any()


@pytest.mark.parametrize("picture_mode", ["L", "RGB", "RGBA"])
def test_fill_keeps_the_mode(picture_mode: str) -> None:
    fitted = fit_control(photo().convert(picture_mode), 96, 96, "fill")
    assert (fitted.mode, fitted.size) == (picture_mode, (96, 96))


def test_a_control_net_gets_shares_of_full_brightness() -> None:
    values = control_tensor(photo())
    assert (values.shape, values.dtype, values.is_contiguous()) == ((3, 128, 192), torch.float32, True)
    expected = torch.from_numpy(pixels(photo()) / 255.0).permute(2, 0, 1)
    torch.testing.assert_close(values.double(), expected)
    assert control_tensor(photo().convert("L")).shape == (3, 128, 192)


def test_holes_are_minus_one() -> None:
    picture = photo().convert("RGBA")
    alpha = np.full((128, 192), 255, np.uint8)
    alpha[:64] = 0
    picture.putalpha(Image.fromarray(alpha))
    values = control_tensor(picture)
    assert (values[:, :64] == HOLE).all()
    assert values[:, 64:].min() >= 0
