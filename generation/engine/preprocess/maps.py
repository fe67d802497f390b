"""Maps on their way into a ControlNet."""

import numpy as np
import torch
from PIL import Image

from generation.engine.pictures import MODES, fitting, resized
from generation.engine.spec import ResizeMode

HOLE = -1.0
"""What the inpainting ControlNet was trained to see where it shall paint (Zhang 2023, ControlNet 1.1)."""


def fit_control(
    image: Image.Image, width: int, height: int, mode: ResizeMode, *, nearest: bool = False
) -> Image.Image:
    """A map at the size of the picture that is painted; modes L, RGB and RGBA are kept.

    As ``pictures.resized``, but ``fill`` surrounds the map with the median colour of its border, as A1111's
    ControlNet extension does: repeating the border would draw every line that touches it on to the edge.
    ``nearest`` is for maps that the catalog calls ``flat``.
    """
    if mode != "fill":
        return resized(image, width, height, mode, nearest=nearest)
    picture = image if image.mode in MODES else image.convert("RGB")
    inner = resized(picture, *fitting(picture.size, width, height), "stretch", nearest=nearest)
    canvas = Image.new(picture.mode, (width, height), _border_colour(picture))
    canvas.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return canvas


def control_tensor(image: Image.Image) -> torch.Tensor:
    """What a ControlNet takes: (3, height, width) on the CPU, float32, 0 to 1.

    Transparent pixels (alpha below one half) become ``HOLE`` in all channels.
    """
    pixels = np.asarray(image.convert("RGBA" if image.mode == "RGBA" else "RGB"))
    values = torch.from_numpy(pixels[:, :, :3].astype(np.float32) / 255.0).permute(2, 0, 1).contiguous()
    if image.mode == "RGBA":
        values[:, torch.from_numpy(pixels[:, :, 3] < 128)] = HOLE
    return values


def _border_colour(picture: Image.Image) -> tuple[int, ...] | int:
    pixels = np.asarray(picture)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    median = np.median(border, axis=0).astype(int)
    return int(median) if median.ndim == 0 else tuple(median.tolist())
