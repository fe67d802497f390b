# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""What a LoRA does to pictures: drawn by diffusers with the shipped file, counted, and judged."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from PIL import Image, ImageDraw, ImageFont, ImageOps

from training.base.evaluate import draw, load, random_prompts
from training.base.judge import NAMES, border_colour
from training.data.art import SIZE, Floats, to_array
from training.lora.styles import STYLES, Style, sky

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
COUNT, SEED = 24, 7000
SHEET_BYTES = 250_000
SHEET = ("a cat on a pink background", "a red apple on a blue background", "будинок на зеленому тлі")

_EDGE = 12  # pixels that count as border
_SIDE = 32
_EXTENTS, _SHIFTS = (96, 104), (-8, -4, 0, 4, 8)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def file_of(demo: Path, style: Style) -> Path:
    """The shipped file of a style."""
    return demo / "loras" / f"{style.name}.safetensors"


def pipeline_with(base: Path, demo: Path, weights: Mapping[str, float]) -> StableDiffusionPipeline:
    """The base with LoRAs loaded and active at these weights, by style name."""
    pipeline = load(base)
    for name in weights:
        pipeline.load_lora_weights(str(file_of(demo, STYLES[name])), adapter_name=name)
    if weights:
        pipeline.set_adapters(list(weights), list(weights.values()))
    return pipeline


def draw_with(base: Path, demo: Path, prompts: list[str], weights: Mapping[str, float]) -> Floats:
    """Pictures in [-1, 1] by the base with LoRAs at these weights, merged to be fast."""
    pipeline = pipeline_with(base, demo, weights)
    if weights:
        pipeline.fuse_lora(adapter_names=list(weights))
        pipeline.unload_lora_weights()
    return draw(pipeline, prompts, SEED)


def held_out_prompts() -> tuple[list[str], list[int]]:
    """Prompts of subject and colour pairs that no training showed, and their subjects."""
    asked = random_prompts(COUNT, SEED, unseen=True)
    return [one.prompt for one in asked], [one.subject for one in asked]


def colourfulness(pictures: Floats) -> float:
    """Mean distance between the largest and the smallest channel, in % of the full range."""
    return float(50 * (pictures.max(1) - pictures.min(1)).mean())


def sky_distance(pictures: Floats) -> float:
    """Mean distance of the border's colours from those of the evening sky there, in % of the full range."""
    edge = np.ones((SIZE, SIZE), bool)
    edge[_EDGE:-_EDGE, _EDGE:-_EDGE] = False
    wanted = sky().transpose(2, 0, 1) / 127.5 - 1
    return float(50 * np.abs(pictures - wanted)[:, :, edge].mean())


def line_share(pictures: Floats) -> float:
    """Which share (%) of the ink is thin dark line.

    Ink is what differs clearly from the colour of the border; thin is what a disc of 9 pixels does
    not fit into.
    """
    shares = []
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    for picture in pictures:
        away = np.abs(picture - border_colour(picture)[:, None, None]).max(0) > 0.5
        dark = np.asarray(((picture.transpose(1, 2, 0) + 1) / 2 @ _LUMA < 0.45) & away, np.uint8)
        thin = dark & (1 - np.asarray(cv2.morphologyEx(dark, cv2.MORPH_OPEN, disc), np.uint8))
        shares.append(thin.sum() / max(1, int(away.sum())))
    return float(100 * np.mean(shares))


def _shrunk(pictures: Floats) -> Floats:
    """Pictures (batch, 3, SIZE, SIZE) at 32 x 32."""
    cell = SIZE // _SIDE
    return pictures.reshape(len(pictures), 3, _SIDE, cell, _SIDE, cell).mean((3, 5))


@cache
def _templates(style_name: str) -> tuple[Floats, npt.NDArray[np.int64]]:
    """All subjects and distractors as the style's algorithm draws them, and their numbers in `NAMES`."""
    paint, drawn, names = STYLES[style_name].paint, [], []
    for number, name in enumerate(NAMES):
        pictures = [paint(name, extent, dx, dy) for extent in _EXTENTS for dx in _SHIFTS for dy in _SHIFTS]
        drawn.append(_shrunk(to_array(pictures)))
        names += [number] * len(pictures)
    return np.concatenate(drawn), np.array(names)


def recognised(pictures: Floats, subjects: list[int], style: Style) -> float:
    """Share (%) of pictures that are nearest to their subject's template in that style."""
    templates, names = _templates(style.name)
    found = [names[np.abs(templates - small).mean((1, 2, 3)).argmin()] for small in _shrunk(pictures)]
    return float(100 * np.mean([name == subject for name, subject in zip(found, subjects, strict=True)]))


def sheet(base: Path, demo: Path, path: Path) -> None:
    """Each style at each weight (columns) for a few prompts (rows)."""
    font = ImageFont.truetype("DejaVuSans.ttf", 11)
    step, left, top = SIZE + 6, 6, 22
    page = Image.new("RGB", (len(WEIGHTS) * step + left, 2 * (len(SHEET) * step + top + 4)), "white")
    pen = ImageDraw.Draw(page)
    for block, style in enumerate(STYLES.values()):
        above = block * (len(SHEET) * step + top + 4)
        for column, weight in enumerate(WEIGHTS):
            pictures = draw_with(base, demo, list(SHEET), {style.name: weight})
            pen.text(
                (left + column * step, above + 4), f"{style.trigger} {weight:g}", font=font, fill="black"
            )
            for row, picture in enumerate(pictures):
                pixels = ((picture.transpose(1, 2, 0) + 1) * 127.5).round().astype(np.uint8)
                page.paste(Image.fromarray(pixels), (left + column * step, above + top + row * step))
    path.parent.mkdir(parents=True, exist_ok=True)
    shades = (ImageOps.posterize(page, bits) for bits in (8, 7, 6, 5))
    fewer = (page.quantize(colours, dither=Image.Dither.NONE) for colours in (256, 128, 64))
    for version in (*shades, *fewer):
        version.save(path, optimize=True)
        if path.stat().st_size <= SHEET_BYTES:
            return
