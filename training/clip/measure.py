"""Figures of the contrastive model, on drawn pictures of pairs that training never showed."""

from pathlib import Path

import numpy as np
import torch

from training.base.evaluate import Asked, random_prompts
from training.clip.data import LANGUAGES, Painter, Seen, Thing, read_things
from training.clip.judge import (
    DISTRACTING,
    Judge,
    colours_right,
    mismatched,
    phrase,
    subjects_right,
)
from training.data.art import Floats, Scene, draw_scene, random_scene, to_array
from training.data.subjects import COLOURS, SUBJECTS, held_out
from training.family import Figure

COUNT, GALLERY, SEED = 300, 500, 9000
TONGUES = {"en": "English", "uk": "Ukrainian"}


def held_out_scene(asked: Asked, rng: np.random.Generator) -> Scene:
    """The asked pair in the place, size and shade of a random training scene."""
    like = random_scene(rng)
    shift = np.array(like.shade) - COLOURS[like.colour].rgb
    red, green, blue = (int(value) for value in np.clip(COLOURS[asked.colour].rgb + shift, 0, 255))
    return Scene(asked.subject, asked.colour, like.small, like.extent, like.dx, like.dy, (red, green, blue))


def drawn(asked: list[Asked], seed: int) -> Floats:
    """Pictures of the asked pairs in [-1, 1]."""
    rng = np.random.default_rng(seed)
    return to_array([draw_scene(held_out_scene(one, rng)) for one in asked])


def gallery(size: int, seed: int) -> tuple[list[Asked], Floats]:
    """All held-out pairs first, then different pairs from training; one picture each."""
    rng = np.random.default_rng(seed)
    pairs = [(s, c) for s in range(len(SUBJECTS)) for c in range(len(COLOURS))]
    unseen = [pair for pair in pairs if held_out(*pair)]
    rest = [pair for pair in pairs if not held_out(*pair)]
    picks = rng.choice(len(rest), size - len(unseen), replace=False)
    asked = [Asked("", subject, colour) for subject, colour in (*unseen, *(rest[pick] for pick in picks))]
    return asked, drawn(asked, seed)


def recall(judge: Judge, language: str, within: tuple[int, ...]) -> dict[int, float]:
    """Share of held-out pairs whose one picture is among the first k found by their caption."""
    shown, pictures = gallery(GALLERY, SEED)
    queries = [number for number, one in enumerate(shown) if held_out(one.subject, one.colour)]
    seen = judge.pictures(pictures)
    read = judge.texts([phrase(shown[at].subject, shown[at].colour, language) for at in queries])
    order = (read @ seen.T).argsort(1, descending=True)
    ranks = (order == torch.tensor(queries)[:, None]).int().argmax(1)
    return {k: float((ranks < k).float().mean()) for k in within}


def others_right(judge: Judge, things: list[Thing], language: str, seed: int) -> float:
    """Share of other emoji, drawn on random backgrounds, named rightly among 20 distractors."""
    rng = np.random.default_rng(seed)
    painter = Painter(things, Seen(np.zeros((0, 3, 1, 1), np.uint8), []))
    pictures, shown = painter.batch(rng, 0, COUNT)
    names = [thing.names[language][0] for thing in things]
    right = []
    for vector, one in zip(judge.pictures(pictures), shown, strict=True):
        wrong = [name for name in dict.fromkeys(names) if name != names[one.thing]]
        picks = [wrong[int(at)] for at in rng.choice(len(wrong), DISTRACTING, replace=False)]
        right.append(int((judge.texts([names[one.thing], *picks]) @ vector).argmax()) == 0)
    return float(np.mean(right))


def _figures(judge: Judge, asked: list[Asked], seen: torch.Tensor, language: str) -> list[Figure]:
    """The figures of one language; `seen` are the embeddings of the asked pairs."""
    tongue, wrong = TONGUES[language], mismatched(asked, SEED)
    subject = 100 * float(subjects_right(judge, seen, asked, language, SEED).mean())
    blind = 100 * float(subjects_right(judge, seen, wrong, language, SEED).mean())
    ground = 100 * float(colours_right(judge, seen, asked, language).mean())
    label = f"{COUNT} drawn held-out pairs, {tongue}"
    found = recall(judge, language, (1, 5))
    return [
        Figure(
            f"Subject first among {DISTRACTING} distractors, {label}",
            subject,
            "%",
            blind,
            "when another subject is asked for than was drawn",
            "at least 90 %",
            subject >= 90,
        ),
        Figure(f"Background first among {len(COLOURS)}, {label}", ground, "%"),
        *(
            Figure(f"Recall@{k} of the one right picture among {GALLERY}, {tongue}", 100 * share, "%")
            for k, share in found.items()
        ),
    ]


def measure_clip(folder: Path, emoji_data: Path | None) -> list[Figure]:
    """All figures; those on further emoji only where their names are at hand."""
    judge, asked = Judge.load(folder), random_prompts(COUNT, SEED, unseen=True)
    seen = judge.pictures(drawn(asked, SEED))
    things = [] if emoji_data is None else read_things(emoji_data)
    figures = []
    for language in LANGUAGES:
        figures += _figures(judge, asked, seen, language)
        if things:
            label = f"among {DISTRACTING} distractors, {COUNT} drawn, {TONGUES[language]}"
            share = 100 * others_right(judge, things, language, SEED)
            figures.append(Figure(f"Other emoji first {label}", share, "%"))
    return figures
