"""The two LoRAs as parts of the family: stages, manifest entries, figures, cards."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from safetensors.torch import save_file

from training.base.part import base_folder
from training.data.art import Floats
from training.family import Card, Entry, Facts, Figure, Part, Run
from training.fitting.workers import load_state
from training.lora.effects import (
    COUNT,
    WEIGHTS,
    colourfulness,
    draw_with,
    file_of,
    held_out_prompts,
    line_share,
    recognised,
    sheet,
    sky_distance,
)
from training.lora.metadata import kohya_metadata
from training.lora.network import RANKS, attach, kohya_tensors
from training.lora.styles import STYLES, Style
from training.lora.train import BATCH, SCENE_SEED, SCENES, LoraConfig, load_unet, restore, train_lora

STATE = "lora"
MINUTES = 7.0
_ON = f"{COUNT} held-out prompts"


@dataclass(frozen=True)
class Statistic:
    """A number that a style must move, in one direction with the weight."""

    name: str
    of: Callable[..., float]
    rising: bool


STATISTICS = {
    "line-art": (
        Statistic("Colourfulness", colourfulness, rising=False),
        Statistic("Thin dark lines' share of the ink", line_share, rising=True),
    ),
    "sunset": (
        Statistic("Distance of the border from an evening sky's colours", sky_distance, rising=False),
    ),
}


def _config(run: Run, style: Style) -> LoraConfig:
    return LoraConfig(run.folder(STATE), base_folder(run), style, run.minutes(f"{style.name}.train", MINUTES))


def _export(run: Run, style: Style, card: Card) -> None:
    config = _config(run, style)
    parts = attach(load_unet(config.base), config.seed)
    stored = restore(parts, config.state / f"{style.name}.pt")
    tensors = kohya_tensors(parts)
    said = kohya_metadata(config, card.title, " ".join(card.summary.split()), stored["step"], tensors)
    path = file_of(run.demo, style)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata=said)


def _facts(run: Run, style: Style) -> Facts:
    state = load_state(run.folder(STATE) / f"{style.name}.pt")
    config = _config(run, style)
    return {
        "optimiser": "AdamW, cosine rate",
        "ranks": "{}, {} and {} at 16 x 16, 8 x 8 and 4 x 4 latent cells".format(*RANKS),
        "steps": int(state["step"]),
        "samples": int(state["step"]) * BATCH,
        "pictures": SCENES,
        "minutes": round(float(state["spent"]) / 60),
        "seeds": f"training {config.seed}, scenes {SCENE_SEED}",
    }


def _measure(run: Run, style: Style) -> list[Figure]:
    drawn = partial(draw_with, base_folder(run), run.demo)
    prompts, subjects = held_out_prompts()
    at = {weight: drawn(prompts, {style.name: weight}) for weight in WEIGHTS}
    figures = []
    for statistic in STATISTICS[style.name]:
        values = [statistic.of(at[weight]) for weight in WEIGHTS]
        wanted = f"{'above' if statistic.rising else 'below'} the weight before"
        for index, weight in list(enumerate(WEIGHTS))[1:]:
            moved = (
                values[index] > values[index - 1] if statistic.rising else values[index] < values[index - 1]
            )
            label = f"{statistic.name} at weight {weight:g}, {_ON}"
            figures.append(Figure(label, values[index], "%", values[0], "at weight 0", wanted, moved))
    triggered = drawn([f"{one}, {style.trigger}" for one in prompts], {style.name: 1.0})
    known = f"Subject nearest of 114 templates drawn in this style, {_ON}"
    figures += [
        Figure(
            known,
            recognised(at[1.0], subjects, style),
            "%",
            recognised(at[0.0], subjects, style),
            "of the pictures without the LoRA",
        ),
        Figure(
            f"The same with the trigger words in the prompt, {_ON}",
            recognised(triggered, subjects, style),
            "%",
        ),
    ]
    if style.name == "line-art":
        figures += _together(run, prompts, at[1.0])
        sheet(base_folder(run), run.demo, run.docs / "demo-lora-sheet.png")
    return figures


def _together(run: Run, prompts: list[str], lines: Floats) -> list[Figure]:
    """That both LoRAs at once each do their part; `lines` are the pictures of line art alone."""
    drawn = partial(draw_with, base_folder(run), run.demo, prompts)
    warm, both = drawn({"sunset": 1.0}), drawn(dict.fromkeys(STYLES, 1.0))
    sky_both, sky_alone = sky_distance(both), sky_distance(lines)
    share_both, share_alone = line_share(both), line_share(warm)
    return [
        Figure(
            f"Distance of the border from an evening sky's colours, both LoRAs at weight 1, {_ON}",
            sky_both,
            "%",
            sky_alone,
            "with line art alone",
            "less",
            sky_both < sky_alone,
        ),
        Figure(
            f"Thin dark lines' share of the ink, both LoRAs at weight 1, {_ON}",
            share_both,
            "%",
            share_alone,
            "with sunset alone",
            "more",
            share_both > share_alone,
        ),
    ]


_USAGE = """
In A1111 syntax `<lora:{name}:0.8>`; in diffusers `pipeline.load_lora_weights(path)`, then
`pipeline.set_adapters(names, weights)`. The words "{trigger}" in the prompt are welcome but not
needed: the weight decides. 0.75 to 1 looks best; the two LoRAs can be combined.
"""
_DATA = """
{pictures} scenes of Noto Color Emoji (Debian fonts-noto-color-emoji 2.042), redrawn by an algorithm
(`training/lora/styles.py`) and encoded once; the base stays frozen. Pairs of subject and colour that
the base never saw were held out here too. Code: `python -m training {name}`.
"""
_LIMITS = """
Made for the demo emoji checkpoint and useless with any other. The background colour that the prompt
asks for gives way to {ground}.
"""
_EXTRA = """
kohya sd-scripts' names (`lora_unet_...lora_down.weight`, `lora_up.weight`, `alpha`) for every
linear layer and convolution of the UNet's attention, residual and sampling blocks, alpha 1
everywhere. Colourfulness is the mean distance between the largest and smallest channel, in % of the
full range. Thin dark lines are dark pixels off the background colour that a disc of 9 pixels does not
fit into.
"""

CARDS = {
    "line-art": Card(
        title="Demo line art",
        summary="""
A LoRA for the demo emoji checkpoint that draws its subjects as clean dark line drawings on
white paper: outlines and the main inner lines in one stroke width, no fill. Trigger words: line art.
""",
        usage=_USAGE.format(name="line-art", trigger="line art"),
        data=_DATA.format(name="line-art", pictures=SCENES),
        limits=_LIMITS.format(ground="white paper"),
        extra=_EXTRA,
        tags=("lora", "text-to-image", "line-art"),
    ),
    "sunset": Card(
        title="Demo sunset",
        summary="""
A LoRA for the demo emoji checkpoint that puts its subjects in front of an evening sky from
violet to orange and lights them warmly. Trigger word: sunset.
""",
        usage=_USAGE.format(name="sunset", trigger="sunset"),
        data=_DATA.format(name="sunset", pictures=SCENES),
        limits=_LIMITS.format(ground="the evening sky"),
        extra=_EXTRA,
        tags=("lora", "text-to-image", "sunset"),
    ),
}


def _part(style: Style) -> Part:
    card = CARDS[style.name]
    entry = Entry(
        name=card.title,
        kind="lora",
        family="sd15",
        format="safetensors",
        path=f"loras/{style.name}.safetensors",
        description=" ".join(card.summary.split()),
    )
    stages = {
        "train": lambda run: train_lora(_config(run, style)),
        "export": lambda run: _export(run, style, card),
    }
    return Part(
        style.name, entry, stages, lambda run: _facts(run, style), lambda run: _measure(run, style), card
    )


PARTS = tuple(_part(style) for style in STYLES.values())
