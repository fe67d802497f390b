# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Scores of an exported folder: background, subject, speed; and the contact sheet."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from PIL import Image, ImageDraw, ImageFont, ImageOps

from training.data.art import SIZE, Floats, draw_scene, scene_of, to_array
from training.data.captions import caption
from training.data.subjects import COLOURS, SUBJECTS, held_out

from .judge import NAMES, border_colour, ranking

Drawer = StableDiffusionPipeline | StableDiffusionXLPipeline

STEPS = 20
GUIDANCE = 5.0
SHEET_BYTES = 400_000  # a larger sheet is stored with fewer shades
SHEET = (  # prompts of the contact sheet
    "a red apple on a blue background",
    "a cat on a yellow background",
    "a dog on a green background",
    "a house on a pink background",
    "a rocket on a black background",
    "a pumpkin on a purple background",
    "a crown on a red background",
    "an umbrella on an orange background",
    "червоне яблуко на синьому тлі",
    "кіт на рожевому тлі",
    "будинок на зеленому тлі",
    "гарбуз на сірому фоні",
    "a car on a white background",
    "a sunflower on a cyan background",
    "a skull on a brown background",
    "a soccer ball on a green background",
    "a small red apple on a yellow background",
    "a moon on a black background",
    "a tree on a white background",
    "a frog on a purple background",
    "a strawberry on a cyan background",
    "сонце на блакитному тлі",
    "лисиця на білому тлі",
    "a purple heart on a yellow background",
)


@dataclass(frozen=True)
class Asked:
    """One prompt with what it asks for."""

    prompt: str
    subject: int
    colour: int


def load(folder: Path) -> StableDiffusionPipeline:
    """The exported folder, in float32 as a CPU wants it."""
    pipeline: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(
        str(folder), dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(
    pipeline: Drawer, prompts: list[str], seed: int, guidance: float = GUIDANCE, **options: Any
) -> Floats:
    """Pictures in [-1, 1]; picture i starts from the noise of seed + i.

    Further `options` go to the pipeline with each batch.
    """
    made = []
    for start in range(0, len(prompts), 10):
        part = prompts[start : start + 10]
        noise = [torch.Generator().manual_seed(seed + start + at) for at in range(len(part))]
        images = pipeline(
            part,
            height=SIZE,
            width=SIZE,
            num_inference_steps=STEPS,
            guidance_scale=guidance,
            generator=noise,
            **options,
        ).images
        made.append(to_array(images))
    return np.concatenate(made)


def random_prompts(count: int, seed: int, *, unseen: bool) -> list[Asked]:
    """Random prompts; `unseen` takes only subject and colour pairs held out of training."""
    rng = np.random.default_rng(seed)
    asked: list[Asked] = []
    while len(asked) < count:
        subject, colour = int(rng.integers(len(SUBJECTS))), int(rng.integers(len(COLOURS)))
        if not unseen or held_out(subject, colour):
            asked.append(Asked(caption(rng, subject, colour, small=False), subject, colour))
    return asked


def background(picture: Floats) -> int:
    """The palette colour nearest to the median of the border."""
    median = (border_colour(picture) + 1) * 127.5
    palette = np.array([colour.rgb for colour in COLOURS])
    return int(np.abs(palette - median).sum(1).argmin())


def score(pipeline: Drawer, asked: list[Asked], seed: int, guidance: float = GUIDANCE) -> dict[str, Any]:
    """Shares of right backgrounds and subjects, and the prompts that failed."""
    pictures = draw(pipeline, [one.prompt for one in asked], seed, guidance)
    ranks = [ranking(picture) for picture in pictures]
    right = [background(picture) == one.colour for picture, one in zip(pictures, asked, strict=True)]
    first = [rank[0] == one.subject for rank, one in zip(ranks, asked, strict=True)]
    five = [one.subject in rank[:5] for rank, one in zip(ranks, asked, strict=True)]
    wrong = [
        f"{one.prompt} -> {NAMES[rank[0]]}"
        for rank, one, good in zip(ranks, asked, first, strict=True)
        if not good
    ]
    return {
        "prompts": len(asked),
        "seed": seed,
        "guidance": guidance,
        "background": float(np.mean(right)),
        "subject_top1": float(np.mean(first)),
        "subject_top5": float(np.mean(five)),
        "wrong_subjects": wrong,
        "wrong_backgrounds": [one.prompt for one, good in zip(asked, right, strict=True) if not good],
    }


def judge_accuracy(vae: AutoencoderKL, seed: int, count: int = 100) -> float:
    """Share of drawn scenes, seen through the autoencoder, that the judge names rightly."""
    scenes = [scene_of(seed, at) for at in range(count)]
    pictures = torch.from_numpy(to_array([draw_scene(scene) for scene in scenes]))
    with torch.no_grad():
        again = [
            vae.decode(vae.encode(part).latent_dist.mean).sample.clamp(-1, 1) for part in pictures.split(10)
        ]
    return float(
        np.mean(
            [
                ranking(picture)[0] == scene.subject
                for picture, scene in zip(torch.cat(again).numpy(), scenes, strict=True)
            ]
        )
    )


def psnr(vae: AutoencoderKL, seed: int, count: int = 64) -> float:
    """Mean reconstruction quality on fresh training compositions, in decibels."""
    pictures = torch.from_numpy(to_array([draw_scene(scene_of(seed, at)) for at in range(count)]))
    with torch.no_grad():
        again = vae.decode(vae.encode(pictures).latent_dist.mean).sample.clamp(-1, 1)
    error = ((again - pictures) / 2).square().mean((1, 2, 3))
    return float((-10 * error.log10()).mean())


def time_one(folder: Path, opened: Callable[[Path], Drawer] = load) -> dict[str, float]:
    """Seconds to load the folder and to draw one picture."""
    start = time.perf_counter()
    pipeline = opened(folder)
    loaded = time.perf_counter()
    draw(pipeline, ["a red apple on a blue background"], 1)
    return {"load": round(loaded - start, 2), "draw": round(time.perf_counter() - loaded, 2)}


def contact_sheet(pipeline: Drawer, path: Path, seed: int = 100) -> None:
    """The labelled sheet of `SHEET`, six to a row."""
    pictures = draw(pipeline, list(SHEET), seed)
    font = ImageFont.truetype("DejaVuSans.ttf", 9)
    rows = -(-len(SHEET) // 6)
    sheet = Image.new("RGB", (6 * (SIZE + 8) + 8, rows * (SIZE + 32) + 8), "white")
    pen = ImageDraw.Draw(sheet)
    for index, (prompt, picture) in enumerate(zip(SHEET, pictures, strict=True)):
        left, top = 8 + index % 6 * (SIZE + 8), 8 + index // 6 * (SIZE + 32)
        pixels = ((picture.transpose(1, 2, 0) + 1) * 127.5).round().astype(np.uint8)
        sheet.paste(Image.fromarray(pixels), (left, top))
        half = prompt.rfind(" ", 0, 27) if len(prompt) > 26 else len(prompt)
        pen.multiline_text(
            (left, top + SIZE + 2),
            prompt[:half] + "\n" + prompt[half:].strip(),
            font=font,
            fill="black",
            spacing=1,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    for bits in (8, 7, 6, 5):
        ImageOps.posterize(sheet, bits).save(path, optimize=True)
        if path.stat().st_size <= SHEET_BYTES:
            break
