# mypy: disable-error-code="no-untyped-call"
"""Scores of the exported upscalers, loaded by spandrel as the portal loads them."""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps
from torch import nn
from torch.nn import functional

from training.data.split import unseen_emoji
from training.upscaler.pictures import drawing, shrink, stacked

SIDE = 128
SEED = 7000
SHEET_BYTES = 250_000
SHEET_ROWS = {2: (0, 3, 8, 9), 4: (1, 4, 10, 12)}  # held-out pictures on the sheet, by scale
REDUCTIONS = (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
USUAL = {"Lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Score:
    """Means over the pictures by method; `better` is the share with a PSNR above that of Lanczos."""

    psnr: dict[str, float]
    ssim: dict[str, float]
    better: float
    seconds: float


def load(path: Path) -> nn.Module:
    """The network as spandrel makes it from the file, in float32 as a CPU wants it."""
    from spandrel import ModelLoader

    model: nn.Module = ModelLoader(device="cpu").load_from_file(path).model
    return model.float().eval()


def held_out_picture(number: int) -> Image.Image:
    """Picture `number` of the held-out set, 128 x 128."""
    return drawing(np.random.default_rng((SEED, number)), unseen_emoji(), SIDE)


def enlarge(model: nn.Module, picture: Image.Image) -> Image.Image:
    """One picture through the network, rounded to 8 bits."""
    with torch.inference_mode():
        output = model(torch.from_numpy(stacked([np.asarray(picture)])))[0]
    pixels = (output.clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return Image.fromarray(pixels.contiguous().numpy())


def psnr(picture: Image.Image, original: Image.Image) -> float:
    """Peak signal to noise ratio over all colours, in decibels."""
    error = np.asarray(picture, np.float64) - np.asarray(original, np.float64)
    return float(10 * np.log10(255**2 / np.square(error).mean()))


def _luma(picture: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(picture, np.float64) @ np.array(LUMA))[None, None]


def ssim(picture: Image.Image, original: Image.Image) -> float:
    """Structural similarity of luma (Wang et al. 2004: Gaussian window of 11 pixels, sigma 1.5)."""
    bell = torch.exp(-(torch.arange(-5, 6).double() ** 2) / (2 * 1.5**2))
    window = torch.outer(bell, bell)[None, None] / bell.sum() ** 2
    blur = partial(functional.conv2d, weight=window)
    first, second = _luma(picture), _luma(original)
    mean1, mean2 = blur(first), blur(second)
    variance1, variance2 = blur(first**2) - mean1**2, blur(second**2) - mean2**2
    shared = blur(first * second) - mean1 * mean2
    small1, small2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean1 * mean2 + small1) * (2 * shared + small2)
    return float((likeness / ((mean1**2 + mean2**2 + small1) * (variance1 + variance2 + small2))).mean())


def versions(model: nn.Module, small: Image.Image) -> dict[str, Image.Image]:
    """The small picture at 128 x 128 by the network ("ours") and by the usual filters."""
    plain = {name: small.resize((SIDE, SIDE), resampling) for name, resampling in USUAL.items()}
    return {**plain, "ours": enlarge(model, small)}


def score(path: Path, scale: int, count: int) -> Score:
    """Compare the network with the usual filters on `count` held-out pictures."""
    model = load(path)
    decibels: dict[str, list[float]] = {name: [] for name in (*USUAL, "ours")}
    likeness: dict[str, list[float]] = {name: [] for name in (*USUAL, "ours")}
    for number in range(count):
        original = held_out_picture(number)
        made = versions(model, shrink(original, scale, REDUCTIONS[number % 2]))
        for name, picture in made.items():
            decibels[name].append(psnr(picture, original))
            likeness[name].append(ssim(picture, original))
    better = np.mean(np.array(decibels["ours"]) > np.array(decibels["Lanczos"]))
    psnrs = {name: float(np.mean(values)) for name, values in decibels.items()}
    ssims = {name: float(np.mean(values)) for name, values in likeness.items()}
    return Score(psnrs, ssims, float(better), seconds_of(model))


def seconds_of(model: nn.Module) -> float:
    """Best of three times for one picture of 128 x 128, in one thread."""
    threads, picture, times = torch.get_num_threads(), held_out_picture(0), []
    torch.set_num_threads(1)
    for _ in range(3):
        begun = time.perf_counter()
        enlarge(model, picture)
        times.append(time.perf_counter() - begun)
    torch.set_num_threads(threads)
    return min(times)


def write_sheet(paths: dict[int, Path], docs: Path) -> None:
    """Held-out pictures in four columns: small, Lanczos, ours, original; x2 on the left, x4 on the right."""
    titles = ("small", "Lanczos", "ours", "original")
    cell, rows = SIDE + 6, max(len(SHEET_ROWS[scale]) for scale in paths)
    sheet = Image.new("RGB", (len(paths) * (4 * cell + 12), rows * cell + 20), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.truetype("DejaVuSans.ttf", 11)
    for block, (scale, path) in enumerate(sorted(paths.items())):
        model, start = load(path), block * (4 * cell + 12) + 6
        for row, number in enumerate(SHEET_ROWS[scale]):
            original = held_out_picture(number)
            small = shrink(original, scale, Image.Resampling.BICUBIC)
            made = versions(model, small)
            shown = (small.resize((SIDE, SIDE), 0), made["Lanczos"], made["ours"], original)
            for column, picture in enumerate(shown):
                sheet.paste(picture, (start + column * cell, 18 + row * cell))
        for column, title in enumerate(titles):
            pen.text((start + column * cell, 2), f"{title} (x{scale})", font=font, fill="black")
    docs.mkdir(parents=True, exist_ok=True)
    path = docs / "demo-upscaler-sheet.png"
    for bits in (8, 7, 6, 5):
        ImageOps.posterize(sheet, bits).save(path, optimize=True)
        if path.stat().st_size <= SHEET_BYTES:
            break
