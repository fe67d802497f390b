"""What the two encoders are told: one caption for both, or a subject and a background apart."""

from dataclasses import dataclass

import numpy as np

from training.data.art import Scene
from training.data.captions import caption, empty_caption, masculine, neuter
from training.data.subjects import COLOURS

DROP = 0.1  # captions that name nothing, for classifier-free guidance
PLAIN = 0.1  # captions that leave the background open
SPLIT = 0.08  # subject in the first prompt, background in the second

_EN_GROUND = ("{c} background", "{c} background", "on a {c} background", "a {c} background", "{c}")
_UK_GROUND = ("на {c} тлі", "на {c} фоні", "{n} тло", "{m} фон")


@dataclass(frozen=True)
class Prompts:
    """Texts for the first and the second encoder; `silent` replaces what is read by zeros."""

    first: str
    second: str
    silent: bool = False


def ground_caption(rng: np.random.Generator, colour: int) -> str:
    """A text that names only the background colour, in English or Ukrainian."""
    entry = COLOURS[colour]
    if rng.random() < 0.6:
        name = entry.en[int(rng.integers(len(entry.en)))]
        return _EN_GROUND[int(rng.integers(len(_EN_GROUND)))].format(c=name)
    name = entry.uk[int(rng.integers(len(entry.uk)))]
    form = _UK_GROUND[int(rng.integers(len(_UK_GROUND)))]
    return form.format(c=name, n=neuter(name), m=masculine(name))


def prompts_for(rng: np.random.Generator, scene: Scene) -> Prompts:
    """Random texts for a training scene.

    Half of those that name nothing are zeros, which the pipeline uses without a negative
    prompt; the others are read, as it reads a negative prompt that was given.
    """
    kind = rng.random()
    if kind < DROP / 2:
        return Prompts("", "", silent=True)
    if kind < DROP:
        text = empty_caption(rng)
        return Prompts(text, text)
    if kind < DROP + SPLIT:
        subject = caption(rng, scene.subject, None, small=scene.small)
        return Prompts(subject, ground_caption(rng, scene.colour))
    colour = None if rng.random() < PLAIN else scene.colour
    text = caption(rng, scene.subject, colour, small=scene.small)
    return Prompts(text, text)
