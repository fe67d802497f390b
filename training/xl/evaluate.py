# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Measures of the micro-conditions, the second prompt, and words that say nothing to the model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

from training.base.evaluate import Asked, background, draw
from training.base.judge import border_colour, ranking
from training.base.words import enhancer_phrases
from training.data.art import Floats
from training.data.captions import article
from training.data.subjects import COLOURS, SUBJECTS

CHUNK = 10  # prompts drawn at once, at most as many as `draw` takes
INK = 0.35  # summed difference to the background, in [-1, 1] units, that counts as subject


def load_xl(folder: Path) -> StableDiffusionXLPipeline:
    """The exported folder, in float32 as a CPU wants it."""
    pipeline: StableDiffusionXLPipeline = StableDiffusionXLPipeline.from_pretrained(
        str(folder), dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def centre(picture: Floats) -> tuple[float, float]:
    """Mean row and column of the pixels that differ from the background; NaN when none does."""
    apart = np.abs(picture - border_colour(picture)[:, None, None]).sum(0) > INK
    rows, columns = np.nonzero(apart)
    return (float(rows.mean()), float(columns.mean())) if len(rows) else (float("nan"), float("nan"))


def shift(pictures: Floats, others: Floats) -> tuple[float, float]:
    """Median move of the subjects' centres from `others` to `pictures`, pixels down and right."""
    moves = [np.subtract(centre(one), centre(other)) for one, other in zip(pictures, others, strict=True)]
    down, right = np.nanmedian(np.array(moves), axis=0)
    return float(down), float(right)


def sharpness(pictures: Floats) -> float:
    """Mean absolute second difference across and down, in [-1, 1] units: blur lowers it."""
    across = np.abs(np.diff(pictures, 2, axis=-1)).mean()
    down = np.abs(np.diff(pictures, 2, axis=-2)).mean()
    return float(across + down)


def draw_told(pipeline: StableDiffusionXLPipeline, asked: list[Asked], seed: int, **told: Any) -> Floats:
    """The same prompts and noise, with other micro-conditions."""
    return draw(pipeline, [one.prompt for one in asked], seed, **told)


def split_score(pipeline: StableDiffusionXLPipeline, asked: list[Asked], seed: int) -> tuple[float, float]:
    """Shares of right backgrounds and subjects with "a cat" and "blue background" as two prompts."""
    right, first = [], []
    for start in range(0, len(asked), CHUNK):
        part = asked[start : start + CHUNK]
        prompts = [article(SUBJECTS[one.subject].en[0]) for one in part]
        grounds = [f"{COLOURS[one.colour].en[0]} background" for one in part]
        for picture, one in zip(draw(pipeline, prompts, seed + start, prompt_2=grounds), part, strict=True):
            right.append(background(picture) == one.colour)
            first.append(ranking(picture)[0] == one.subject)
    return float(np.mean(right)), float(np.mean(first))


def with_phrases(asked: list[Asked], seed: int) -> list[Asked]:
    """The same prompts with four random phrases of the prompt enhancer behind each."""
    rng, phrases = np.random.default_rng(seed), enhancer_phrases()
    return [
        replace(one, prompt=", ".join((one.prompt, *(str(text) for text in rng.choice(phrases, 4)))))
        for one in asked
    ]
