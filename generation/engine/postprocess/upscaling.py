"""Enlarging finished pictures by networks, in tiles, and by Lanczos resampling."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from PIL import Image
from spandrel import ModelTiling

from generation.engine.devices import is_out_of_memory, memory_release
from generation.engine.errors import EngineError
from generation.engine.postprocess.networks import Network, network_load, unsupported
from generation.engine.postprocess.tiling import Span, spans
from generation.engine.resident import modules_nbytes
from generation.engine.slices import Portion, Slices
from generation.engine.spec import limits

OVERLAP: Final = 32
"""Pixels that neighbouring tiles share, or a quarter of the tile if that is less."""
MIN_TILE: Final = 32
"""Side in pixels below which a tile is no longer halved when memory runs out."""
WANTED: Final = "an upscaler"


@dataclass(slots=True, eq=False)
class Upscaler:
    """A network that enlarges pictures by its own whole factor, 1 for one that only repairs them."""

    network: Network

    @property
    def scale(self) -> int:
        return self.network.scale

    @property
    def nbytes(self) -> int:
        return modules_nbytes([self.network.model])

    def to(self, device: torch.device) -> Self:
        self.network.to(device)
        return self

    def run(self, pixels: torch.Tensor) -> torch.Tensor:
        """One tile enlarged: (1, C, H, W), C 1 or 3, fp32 on the CPU, 0 to 1. A network for one channel sees
        the colours one by one; one for three sees grey three times.
        """
        network, channels = self.network, pixels.shape[1]
        seen = pixels.to(network.device, network.dtype)
        if network.input_channels == 1:
            result = torch.cat([network(colour[None, None]) for colour in seen[0]], dim=1)
        else:
            result = network(seen.expand(1, 3, -1, -1))
        return (result if channels == 3 else result.mean(dim=1, keepdim=True)).float().cpu()


def upscaler_load(path: Path, dtype: torch.dtype) -> Upscaler:
    """Whatever spandrel knows for super resolution or restoration: ESRGAN, Real-ESRGAN, DAT, SwinIR, HAT, ...

    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe``, ``model_corrupt`` or
    ``model_unsupported``.
    """
    network = network_load(path, dtype, wanted=WANTED)
    if network.purpose == "FaceSR":
        raise unsupported(path, WANTED, f"a face restorer ({network.architecture.name})")
    channels = (network.input_channels, network.output_channels)
    if channels not in {(1, 1), (3, 3)}:
        raise unsupported(path, WANTED, f"a network from {channels[0]} to {channels[1]} channels")
    return Upscaler(network)


def upscale(image: Image.Image, model: Upscaler | None, scale: float, tile: int) -> Slices[Image.Image]:
    """``image`` enlarged ``scale`` times, a tile per slice. Greyscale stays greyscale; transparency is
    resampled by Lanczos.

    ``model`` works as often as its factor needs to reach ``scale``, and Lanczos makes the size exact; None is
    Lanczos alone. ``tile`` is the side in pixels of what it sees at once, 0 for the whole picture; it is
    halved whenever memory runs out. Raises ``EngineError`` with code ``invalid_request`` (the result would
    be too large) or ``out_of_memory``.
    """
    image = _plain(image)
    size = _target(image.size, scale)
    if model is None:
        yield Portion(0, 1)
        return image.resize(size, Image.Resampling.LANCZOS)
    bands = image.getbands()
    pixels = _to_tensor(image.convert("L" if "L" in bands else "RGB"))
    passes = _passes(model.scale, scale, image.width * image.height)
    for number in range(passes):
        pixels = yield from _enlarge(pixels, model, tile, progress=(number, passes))
    colours = _to_image(pixels).resize(size, Image.Resampling.LANCZOS)
    if "A" in bands:
        colours.putalpha(image.getchannel("A").resize(size, Image.Resampling.LANCZOS))
    return colours


def _plain(image: Image.Image) -> Image.Image:
    """In one of the modes L, LA, RGB and RGBA."""
    if image.mode in {"L", "LA", "RGB", "RGBA"}:
        return image
    return image.convert("RGBA" if image.has_transparency_data else "L" if image.mode == "1" else "RGB")


def _target(size: tuple[int, int], scale: float) -> tuple[int, int]:
    width, height = (max(1, round(side * scale)) for side in size)
    if max(width, height) > limits.MAX_PICTURE_SIDE or width * height > limits.MAX_PICTURE_PIXELS:
        raise limits.invalid(
            "upscale.scale",
            f"The picture would have {width} x {height} pixels; at most {limits.MAX_PICTURE_SIDE} on a side "
            f"and {limits.MAX_PICTURE_PIXELS:,} in all are allowed.",
            hint="Choose a smaller factor.",
        )
    return width, height


def _passes(factor: int, scale: float, area: int) -> int:
    """How often the network works: until it is large enough, or one more pass would make it too large."""
    passes = 1
    while (
        factor > 1
        and factor**passes < scale
        and area * factor ** (2 * passes + 2) <= limits.MAX_PICTURE_PIXELS
    ):
        passes += 1
    return passes


def _enlarge(
    pixels: torch.Tensor, model: Upscaler, tile: int, progress: tuple[int, int]
) -> Slices[torch.Tensor]:
    """One pass of the network over (1, C, H, W), with smaller and smaller tiles while memory runs out."""
    whole = max(pixels.shape[-2:])
    is_cut = 0 < tile < whole and model.network.tiling is not ModelTiling.INTERNAL
    tile = max(tile, MIN_TILE) if is_cut else whole
    while True:
        try:
            return (yield from _pass(pixels, model, tile, progress))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler: there the traceback would keep the failed tile's tensors alive.
        memory_release(model.network.device)
        if tile // 2 < MIN_TILE:
            raise EngineError(
                "out_of_memory",
                f"The device ran out of memory while enlarging tiles of {tile} pixels.",
                hint="Choose a smaller upscaler or half precision, or try again later.",
            )
        tile //= 2


def _pass(
    pixels: torch.Tensor, model: Upscaler, tile: int, progress: tuple[int, int]
) -> Slices[torch.Tensor]:
    scale, (height, width) = model.scale, pixels.shape[-2:]
    step = model.network.size_requirements.multiple_of
    if tile < max(height, width):
        tile = max(tile // step, 1) * step  # so that inner tiles need no padding
    overlap = max(1, min(OVERLAP, tile // 4))
    rows, columns = (spans(side, tile, overlap, scale) for side in (height, width))
    result = torch.zeros(1, pixels.shape[1], height * scale, width * scale)
    tiles = [(row, column) for row in rows for column in columns]
    finished, passes = progress
    for number, (row, column) in enumerate(tiles):
        yield Portion(finished * len(tiles) + number, passes * len(tiles))
        _place(result, model.run(pixels[..., row.start : row.stop, column.start : column.stop]), row, column)
    return result


def _place(result: torch.Tensor, tile: torch.Tensor, row: Span, column: Span) -> None:
    top, left = (span.start * len(span.weights) // (span.stop - span.start) for span in (row, column))
    part = result[..., top : top + len(row.weights), left : left + len(column.weights)]
    part += tile * row.weights[:, None] * column.weights


def _to_tensor(image: Image.Image) -> torch.Tensor:
    """(1, C, H, W), fp32, 0 to 1."""
    array = np.asarray(image, dtype=np.float32).reshape(image.height, image.width, -1)
    return torch.from_numpy(array / 255.0).permute(2, 0, 1)[None]


def _to_image(pixels: torch.Tensor) -> Image.Image:
    array = (pixels[0].permute(1, 2, 0) * 255.0).round().clamp(0, 255).byte().numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
