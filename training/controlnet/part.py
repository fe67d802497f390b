"""The two ControlNets as parts of the family: stages, manifest entries, figures, cards."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from training.base.evaluate import draw as draw_base
from training.base.evaluate import load as load_base
from training.base.part import base_folder
from training.controlnet.evaluate import (
    CANNY_REACH,
    STROKE_REACH,
    canny_control,
    contradicting_cases,
    draw,
    held_out_cases,
    load,
    outcome,
    scribble_control,
    through_autoencoder,
    without_words,
)
from training.controlnet.network import GAIN
from training.controlnet.sheet import contact_sheet
from training.controlnet.stages import encode_extra, export_net, facts, train_canny, train_scribble
from training.data.art import Floats
from training.family import Card, Entry, Figure, Part, Run

NETS = ("canny", "scribble")  # the last one also draws the sheet of both
CASES, CASE_SEED, NOISE_SEED = 48, 7000, 8000
CLEARLY = 0.15  # by how much the lines must agree better than without
BASE = "by the base alone"
SHEET = "demo-controlnet-sheet.png"


@cache
def _unsteered(base: Path, prompts: tuple[str, ...]) -> Floats:
    """What the base draws alone, from the same noise; kept, as both nets are compared with it."""
    return draw_base(load_base(base), list(prompts), NOISE_SEED)


def _steered(run: Run, name: str) -> list[Figure]:
    """With and without, from the same noise, for three kinds of prompts."""
    pipeline = load(base_folder(run), run.demo / f"controlnet-{name}")
    reach, strokes = (STROKE_REACH, True) if name == "scribble" else (CANNY_REACH, False)
    asked = held_out_cases(CASES, CASE_SEED)
    groups = {
        "full prompts, held-out pairs": asked,
        "empty prompts, the same pictures": without_words(asked),
        "prompts of another subject, emoji never seen": contradicting_cases(CASES, CASE_SEED + 1),
    }
    figures: list[Figure] = []
    for label, cases in groups.items():
        control = scribble_control(cases, CASE_SEED) if strokes else canny_control(cases)
        prompts = tuple(one.prompt for one in cases)
        steered = draw(pipeline, prompts, control.shown, 1.0, NOISE_SEED)
        pictures = (_unsteered(base_folder(run), prompts), steered)
        free, led = (outcome(made, cases, control, strokes=strokes) for made in pictures)
        goal, reached = f"at least {CLEARLY} better", led.lines >= free.lines + CLEARLY
        lines = f"F1 of lines within {reach:g} px, {len(cases)} {label}"
        figures.append(Figure(lines, led.lines, "", free.lines, BASE, goal, reached))
        shape = f"Silhouette overlap (IoU), {len(cases)} {label}"
        figures.append(Figure(shape, led.silhouette, "", free.silhouette, BASE))
        if any(prompts):
            right, before = 100 * led.background, 100 * free.background
            ground = f"Background colour right, {len(cases)} {label}"
            wanted = ("at least 90 %", right >= 90)
            figures.append(Figure(ground, right, "%", before, BASE, *wanted))
    control = scribble_control(asked, CASE_SEED) if strokes else canny_control(asked)
    ceiling = outcome(through_autoencoder(pipeline, asked), asked, control, strokes=strokes)
    best = f"F1 of lines of the {len(asked)} drawn pictures seen through the autoencoder (the ceiling)"
    return [*figures, Figure(best, ceiling.lines)]


def _measure(run: Run, name: str) -> list[Figure]:
    figures = _steered(run, name)
    if name == NETS[-1]:
        shipped = {net: load(base_folder(run), run.demo / f"controlnet-{net}") for net in NETS}
        contact_sheet(shipped, run.docs / SHEET)
    return figures


_DATA = """
The base's own scenes, and as many others: subjects mirrored, turned, moved and resized, 933 emoji
that the base has no name for, and drawn shapes. Half of the captions name nothing and one in seven
another subject, so that the lines decide. {0} Code: `training/controlnet`, `python -m training {1}`.
"""
_USAGE = """
Beside the base, in float32 on a CPU:

    net = ControlNetModel.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline = StableDiffusionControlNetPipeline.from_pretrained(
        "../base", controlnet=net, dtype=torch.float32
    )

with an image of white lines on black, at the size of the output (128 x 128). Scale 1; {0}
"""
_EXTRA = """
Both outputs of a pair start from the same noise. Half of the 48 held-out
pictures (pairs of subject and background never trained together) are composed as the base does it,
half anywhere, in any size, often mirrored. "Emoji never seen" were in no training picture of
this model or the UNet; their prompts name another subject. {0} The silhouette is what differs from
the border's colour. The net has no attention and does not read the prompt; its encoder began as the
base's. What it adds was multiplied by {1:g} for shipping, which makes up for the guidance that
strengthens only the text.
"""
_LIMITS = """
It was trained briefly: outlines and large parts are followed, small inner lines often not.
It knows the base's simple compositions: one thing on a plain ground. Lines that are close together
merge, since a latent cell covers 8 pixels. At sizes other than 128 x 128 the base itself fails.
"""

CANNY_CARD = Card(
    title="Demo ControlNet: Canny edges",
    pipeline_tag="text-to-image",
    tags=("controlnet",),
    summary="Makes the demo base draw along given edges; the prompt decides what fills them.",
    usage=_USAGE.format("edges from `cv2.Canny(picture, 100, 200)`, other thresholds work too."),
    data=_DATA.format(
        "Edges at thresholds 30 to 300, also found at 2 and 4 times the size.", "controlnet-canny"
    ),
    extra=_EXTRA.format("Lines are Canny edges of the output (100, 200) against the control image.", GAIN),
    limits=_LIMITS,
)
SCRIBBLE_CARD = Card(
    title="Demo ControlNet: scribble",
    pipeline_tag="text-to-image",
    tags=("controlnet",),
    summary="Makes the demo base turn a rough drawing into a picture; the prompt decides of what.",
    usage=_USAGE.format("draw with a pen of 2 to 6 pixels, or use `scribble` of `control_images.py`."),
    data=_DATA.format(
        "Strokes are made from the pictures: 2 to 6 pixels thick, wobbling, with gaps, or outlines only.",
        "controlnet-scribble",
    ),
    extra=_EXTRA.format(
        "Lines are edges of the softened output against the centre lines of wobbly strokes, 4 px thick.",
        GAIN,
    ),
    limits=_LIMITS,
)


def _entry(name: str, title: str, description: str) -> Entry:
    return Entry(title, "controlnet", "sd15", "diffusers", f"controlnet-{name}", description)


def _part(name: str, entry: Entry, stages: dict[str, Callable[[Run], None]], card: Card) -> Part:
    last = {"export": partial(export_net, name=name)}
    return Part(
        f"controlnet-{name}",
        entry,
        {**stages, **last},
        partial(facts, name=name),
        partial(_measure, name=name),
        card,
    )


PARTS: tuple[Part, ...] = (
    _part(
        "canny",
        _entry("canny", "Demo ControlNet canny", "Makes the demo base draw along Canny edges"),
        {"latents": encode_extra, "train": train_canny},
        CANNY_CARD,
    ),
    _part(
        "scribble",
        _entry(
            "scribble", "Demo ControlNet scribble", "Makes the demo base turn a rough drawing into a picture"
        ),
        {"train": train_scribble},
        SCRIBBLE_CARD,
    ),
)
