# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch, diffusers and transformers publish only part of their types.
"""Figures of the adapter: does the picture follow the reference, and more so with the scale?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

from training.base.evaluate import GUIDANCE, STEPS, Asked, background, load, random_prompts
from training.base.judge import ranking
from training.clip.judge import Judge, ground_phrase, images
from training.clip.measure import drawn
from training.data.art import SIZE, Floats, to_array
from training.data.subjects import COLOURS
from training.family import Figure

SCALES, MIXED = (0.0, 0.5, 1.0), 0.6
COUNT, SEED = 40, 11000


def load_with_adapter(demo: Path, base: str, adapter: str) -> StableDiffusionPipeline:
    """The base checkpoint with the adapter, through diffusers' own loader and local files only."""
    pipeline = load(demo / base)
    folder, name = adapter.rsplit("/", 1)
    pipeline.load_ip_adapter(
        str(demo), subfolder=folder, weight_name=name, image_encoder_folder="./clip", local_files_only=True
    )
    return pipeline


def imagine(
    pipeline: StableDiffusionPipeline, references: Floats, prompts: list[str], scale: float, seed: int
) -> Floats:
    """One picture for each reference and prompt, in [-1, 1]; picture i starts from seed + i."""
    pipeline.set_ip_adapter_scale(scale)
    made = []
    for at, (reference, prompt) in enumerate(zip(images(references), prompts, strict=True)):
        made += pipeline(
            prompt,
            ip_adapter_image=reference,
            height=SIZE,
            width=SIZE,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(seed + at),
        ).images
    return to_array(made)


@dataclass(frozen=True)
class Likeness:
    """How near pictures come to their references: mean cosine, shares in percent."""

    cosine: float
    subject: float
    ground: float


def likeness(judge: Judge, pictures: Floats, references: Floats, wanted: list[Asked]) -> Likeness:
    """Cosines by the contrastive model; subject and background by the untrained template judge."""
    cosine = (judge.pictures(pictures) * judge.pictures(references)).sum(1).mean()
    subject = [ranking(one)[0] == asked.subject for one, asked in zip(pictures, wanted, strict=True)]
    ground = [background(one) == asked.colour for one, asked in zip(pictures, wanted, strict=True)]
    return Likeness(float(cosine), 100 * float(np.mean(subject)), 100 * float(np.mean(ground)))


def recoloured(asked: list[Asked], seed: int) -> list[Asked]:
    """The same subjects with another background asked for."""
    rng = np.random.default_rng(seed)
    shift = [(one.colour + int(rng.integers(1, len(COLOURS)))) % len(COLOURS) for one in asked]
    return [
        Asked(ground_phrase(colour, "en" if at % 2 else "uk"), one.subject, colour)
        for at, (one, colour) in enumerate(zip(asked, shift, strict=True))
    ]


def _alone_figures(found: dict[float, Likeness]) -> list[Figure]:
    low, middle, high = (found[scale] for scale in SCALES)
    rises = low.cosine < middle.cosine < high.cosine
    label = f"{COUNT} held-out references, empty prompt"
    return [
        Figure(
            f"Likeness to the reference at scale 1 (cosine of image embeddings), {label}",
            high.cosine,
            "",
            low.cosine,
            "at scale 0",
            "rises with the scale",
            rises,
        ),
        Figure(f"The same at scale 0.5, {label}", middle.cosine, "", low.cosine, "at scale 0"),
        Figure(
            f"Subject of the reference (templates) at scale 1, {label}",
            high.subject,
            "%",
            low.subject,
            "at scale 0",
        ),
        Figure(f"The same at scale 0.5, {label}", middle.subject, "%", low.subject, "at scale 0"),
        Figure(
            f"Background of the reference at scale 1, {label}",
            high.ground,
            "%",
            low.ground,
            "at scale 0",
        ),
        Figure(f"The same at scale 0.5, {label}", middle.ground, "%", low.ground, "at scale 0"),
    ]


def measure_adapter(demo: Path, base: str, adapter: str) -> list[Figure]:
    """All figures, on pairs of subject and colour that no training showed."""
    pipeline, judge = load_with_adapter(demo, base, adapter), Judge.load(demo / "clip")
    asked = random_prompts(COUNT, SEED, unseen=True)
    shown = drawn(asked, SEED)
    alone = {
        scale: likeness(judge, imagine(pipeline, shown, [""] * COUNT, scale, SEED), shown, asked)
        for scale in SCALES
    }
    other = recoloured(asked, SEED)
    prompts = [one.prompt for one in other]
    mixed, without = (
        likeness(judge, imagine(pipeline, shown, prompts, scale, SEED), shown, other)
        for scale in (MIXED, 0.0)
    )
    label = f"{COUNT} held-out references, the prompt names another background, scale {MIXED:g}"
    return [
        *_alone_figures(alone),
        Figure(f"Subject of the reference, {label}", mixed.subject, "%", without.subject, "at scale 0"),
        Figure(f"Background of the prompt, {label}", mixed.ground, "%", without.ground, "at scale 0"),
    ]
