"""Pictures to look at, and maps made of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from generation.engine.preprocess.running import preprocess
from generation.engine.spec import Parameter, PreprocessRequest

RED = (255, 0, 0)
GREY = (128, 128, 128)


def square(width: int = 192, height: int = 128) -> Image.Image:
    """A red square with corners at (40, 30) and (100, 90) on grey."""
    picture = Image.new("RGB", (width, height), GREY)
    ImageDraw.Draw(picture).rectangle((40, 30, 100, 90), fill=RED)
    return picture


def photo(width: int = 192, height: int = 128) -> Image.Image:
    """Smooth random colours with a square: something to see everywhere."""
    coarse = np.random.default_rng(3).integers(0, 256, (4, 6, 3), np.uint8)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    picture.paste(square().crop((40, 30, 101, 91)), (40, 30))
    return picture


def made(
    name: str,
    image: Image.Image,
    *,
    resolution: int = 128,
    parameters: Mapping[str, Parameter] | None = None,
    **options: Any,
) -> Image.Image:
    """The map of one preprocessor."""
    request = PreprocessRequest(
        image=image, preprocessor=name, parameters=parameters or {}, resolution=resolution
    )
    return preprocess(request, **options)


def pixels(image: Image.Image) -> NDArray[np.int16]:
    """Signed, so that differences are what they seem."""
    return np.asarray(image).astype(np.int16)
