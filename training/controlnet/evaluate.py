# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Does the output follow its control image? Test cases, steered drawing, and the measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.pipelines.controlnet.pipeline_controlnet import StableDiffusionControlNetPipeline
from PIL import Image

from training.base.evaluate import GUIDANCE, STEPS, background
from training.controlnet.control_images import (
    Bytes,
    Strokes,
    as_rgb,
    canny,
    draw_strokes,
    main_lines,
    subject_mask,
)
from training.data.art import SIZE, Floats, random_scene, sprite, to_array
from training.data.captions import caption
from training.data.split import unseen_emoji
from training.data.subjects import COLOURS, DISTRACTORS, SUBJECTS, held_out

SMALLEST = 0.04  # a silhouette that covers less of the picture tells nothing
CANNY_REACH, STROKE_REACH = 1.0, 2.0  # pixels by which lines may be off; a hand is less exact
HAND = Strokes(thickness=4)  # the hand that draws the scribbles to measure with


@dataclass(frozen=True)
class Case:
    """A drawn picture to take the control image from, and what to ask for along with it."""

    picture: Bytes
    prompt: str
    colour: int


@dataclass(frozen=True)
class Control:
    """Control images [count, height, width] and the thin lines that they stand for."""

    shown: list[Bytes]
    lines: list[Bytes]


def composed(
    emoji: str, shade: tuple[int, int, int], extent: int, at: tuple[float, float], *, mirror: bool
) -> Bytes:
    """An emoji on a plain ground; `at` places it between the left or top (0) and the other end (1)."""
    image, mark = Image.new("RGB", (SIZE, SIZE), shade), sprite(emoji, extent)
    if mirror:
        mark = mark.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    left, top = (round(share * (SIZE - side)) for share, side in zip(at, mark.size, strict=True))
    image.paste(mark, (left, top), mark)
    return np.asarray(image)


def _placed(rng: np.random.Generator, emoji: str, colour: int) -> Bytes:
    at = float(rng.random()), float(rng.random())
    extent, mirror = int(rng.integers(56, 112)), bool(rng.random() < 0.5)
    return composed(emoji, COLOURS[colour].rgb, extent, at, mirror=mirror)


def held_out_cases(count: int, seed: int) -> list[Case]:
    """Subjects on colours never trained together: in turn composed as the base does, and freely."""
    rng, cases = np.random.default_rng(seed), list[Case]()
    while len(cases) < count:
        subject, colour = int(rng.integers(len(SUBJECTS))), int(rng.integers(len(COLOURS)))
        if not held_out(subject, colour):
            continue
        if len(cases) % 2:
            picture = _placed(rng, SUBJECTS[subject].emoji, colour)
        else:
            usual = random_scene(rng)  # only its size and place are used
            spare = SIZE - usual.extent
            at = (0.5 + usual.dx / spare, 0.5 + usual.dy / spare)
            emoji, shade = SUBJECTS[subject].emoji, COLOURS[colour].rgb
            picture = composed(emoji, shade, usual.extent, at, mirror=False)
        if subject_mask(picture).mean() >= SMALLEST:
            cases.append(Case(picture, caption(rng, subject, colour, small=False), colour))
    return cases


def without_words(cases: Sequence[Case]) -> list[Case]:
    """The same pictures with an empty prompt: only the control image tells the shape."""
    return [Case(one.picture, "", one.colour) for one in cases]


def contradicting_cases(count: int, seed: int) -> list[Case]:
    """Emoji that no training ever showed, freely placed, with the prompt of another subject."""
    rng, cases = np.random.default_rng(seed), list[Case]()
    names = [*DISTRACTORS, *(one for one in unseen_emoji() if one not in {s.emoji for s in SUBJECTS})]
    while len(cases) < count:
        subject, colour = int(rng.integers(len(SUBJECTS))), int(rng.integers(len(COLOURS)))
        picture = _placed(rng, names[int(rng.integers(len(names)))], colour)
        if subject_mask(picture).mean() >= SMALLEST:
            cases.append(Case(picture, caption(rng, subject, colour, small=False), colour))
    return cases


def canny_control(cases: Sequence[Case]) -> Control:
    """Edges at the usual thresholds."""
    edges = [canny(one.picture) for one in cases]
    return Control(edges, edges)


def scribble_control(cases: Sequence[Case], seed: int) -> Control:
    """Scribbles by one hand that wobbles."""
    rng = np.random.default_rng(seed)
    pairs = [draw_strokes(main_lines(one.picture, HAND), HAND, rng) for one in cases]
    return Control([thick for thick, _ in pairs], [thin for _, thin in pairs])


def load(base: Path, controlnet: Path) -> StableDiffusionControlNetPipeline:
    """The two exported folders, in float32 as a CPU wants it."""
    net = ControlNetModel.from_pretrained(str(controlnet), torch_dtype=torch.float32)
    pipeline: StableDiffusionControlNetPipeline = StableDiffusionControlNetPipeline.from_pretrained(
        str(base), controlnet=net, dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(
    pipeline: StableDiffusionControlNetPipeline,
    prompts: Sequence[str],
    shown: Sequence[Bytes],
    scale: float,
    seed: int,
    steps: int = STEPS,
) -> Floats:
    """Pictures in [-1, 1]; picture i starts from the noise of seed + i, whatever the scale."""
    made = []
    for start in range(0, len(prompts), 8):
        part = slice(start, min(start + 8, len(prompts)))
        images = pipeline(
            list(prompts[part]),
            [Image.fromarray(as_rgb(lines)) for lines in shown[part]],
            height=SIZE,
            width=SIZE,
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            controlnet_conditioning_scale=scale,
            generator=[torch.Generator().manual_seed(seed + at) for at in range(part.start, part.stop)],
        ).images
        made.append(to_array(images))
    return np.concatenate(made)


def as_bytes(picture: Floats) -> Bytes:
    """A picture [3, height, width] in [-1, 1] as uint8 [height, width, 3]."""
    return ((picture.transpose(1, 2, 0) + 1) * 127.5).round().clip(0, 255).astype(np.uint8)


def agreement(found: Bytes, wanted: Bytes, reach: float) -> float:
    """F1 of two line drawings, where a line counts as met within `reach` pixels; 0 to 1."""
    if not found.any() or not wanted.any():
        return 0.0
    to_wanted = cv2.distanceTransform((wanted == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    to_found = cv2.distanceTransform((found == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    precision = float((to_wanted[found > 0] <= reach).mean())
    recall = float((to_found[wanted > 0] <= reach).mean())
    return 2 * precision * recall / max(precision + recall, 1e-9)


def overlap(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of two silhouettes; 0 to 1."""
    return float((one & other).sum() / max(1, (one | other).sum()))


@dataclass(frozen=True)
class Outcome:
    """Means over some cases: agreement of lines, overlap of silhouettes, share of right backgrounds."""

    lines: float
    silhouette: float
    background: float


def outcome(pictures: Floats, cases: Sequence[Case], control: Control, *, strokes: bool) -> Outcome:
    """What some pictures keep of their control images and prompts."""
    lines, silhouettes, grounds = [], [], []
    for picture, case, wanted in zip(pictures, cases, control.lines, strict=True):
        drawn = as_bytes(picture)
        found = main_lines(drawn, HAND) if strokes else canny(drawn)
        lines.append(agreement(found, wanted, STROKE_REACH if strokes else CANNY_REACH))
        silhouettes.append(overlap(subject_mask(drawn), subject_mask(case.picture)))
        grounds.append(background(picture) == case.colour)
    return Outcome(float(np.mean(lines)), float(np.mean(silhouettes)), float(np.mean(grounds)))


def through_autoencoder(pipeline: StableDiffusionControlNetPipeline, cases: Sequence[Case]) -> Floats:
    """The drawn pictures themselves, encoded and decoded: the best that any control could reach."""
    flat = to_array([Image.fromarray(one.picture) for one in cases])
    with torch.no_grad():
        parts = [
            pipeline.vae.decode(pipeline.vae.encode(part).latent_dist.mean).sample.clamp(-1, 1)
            for part in torch.from_numpy(flat).split(8)
        ]
    return torch.cat(parts).numpy()
