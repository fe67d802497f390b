"""Pictures and texts for the contrastive model: the checkpoint's subjects and many other emoji.

A text matches a picture when everything it says is true of the picture, so two captions of one
scene, or a caption that leaves the background open, are never taken for a mismatch. Pairs that
cannot be decided (an emoji that only shares a tag with the name) count neither way.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from training.data.art import SIZE, Floats, Scene, extra_emoji, random_scene, sprite, to_array
from training.data.captions import english, neuter, ukrainian
from training.data.subjects import COLOURS, DISTRACTORS, SUBJECTS, held_out

LANGUAGES = ("en", "uk")
TAGS = 4  # of each emoji and language are used as texts
EXTENTS = (64, 88, 104)  # pixels, of freely placed emoji; few, so that all drawn ones stay cached
SMALL = 64  # up to this extent an emoji counts as small, as in the training scenes
_TEMPLATES = {  # {b}: name, {c}: colour, {n}: neuter colour; the last two leave the colour open
    "en": ("{b} on a {c} background", "{b}, {c} background", "{b} on {c}", "{b}", "{b} emoji"),
    "uk": ("{b} на {c} тлі", "{b} на {c} фоні", "{b}, {n} тло", "{b}", "емодзі: {b}"),
}
_GROUND = {"en": ("a {c} background", "{c} background"), "uk": ("{n} тло", "на {c} тлі")}


@dataclass(frozen=True)
class Thing:
    """One emoji; `subject` is its number in `SUBJECTS`, or None.

    `names` are its main names and `tags` its further words, in lower case, by language.
    """

    emoji: str
    subject: int | None
    names: dict[str, tuple[str, ...]]
    tags: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Words:
    """A text with what it says: which things, colour and size it fits; None is unsaid."""

    text: str
    fits: frozenset[int] | None
    unsure: frozenset[int] = frozenset()
    colour: int | None = None
    small: bool | None = None


@dataclass(frozen=True)
class Shown:
    """What a picture shows; a colour outside the palette is None."""

    thing: int
    colour: int | None
    small: bool


def _entries(path: Path) -> dict[str, dict[str, Any]]:
    """Emojibase entries by emoji, without variation selectors."""
    stored: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return {plain(entry["emoji"]): entry for entry in stored}


def plain(emoji: str) -> str:
    """An emoji without variation selectors."""
    return emoji.replace("\ufe0f", "")


def read_things(data: Path) -> list[Thing]:
    """All subjects, then the other emoji, named by emojibase-data's `en` and `uk` lists.

    `data` is `en/data.json`; `uk/data.json` lies beside that folder.
    """
    lists = {language: _entries(data.parents[1] / language / "data.json") for language in LANGUAGES}
    taken = {plain(subject.emoji) for subject in SUBJECTS}
    others = [emoji for emoji in extra_emoji(data) if plain(emoji) not in taken]
    things = []
    for number, emoji in enumerate([*(subject.emoji for subject in SUBJECTS), *others]):
        subject = number if number < len(SUBJECTS) else None
        found = {language: lists[language].get(plain(emoji), {}) for language in LANGUAGES}
        labels: dict[str, tuple[str, ...]] = {
            language: (str(one.get("label", "")).lower(),) for language, one in found.items()
        }
        words = {
            language: tuple(str(tag).lower() for tag in one.get("tags", [])[:TAGS])
            for language, one in found.items()
        }
        if subject is not None:
            words = {language: (*words[language], *labels[language]) for language in LANGUAGES}
            labels = {"en": SUBJECTS[subject].en, "uk": SUBJECTS[subject].uk}
        if all(name for names in labels.values() for name in names):
            things.append(Thing(emoji, subject, labels, words))
    return things


class Language:
    """Writes texts about things, and knows which other things a text may fit as well."""

    def __init__(self, things: list[Thing]) -> None:
        self.things = things
        self._named: dict[str, set[int]] = defaultdict(set)
        self._called: dict[str, set[int]] = defaultdict(set)  # by name or tag
        self._taken = {name for subject in SUBJECTS for name in (*subject.en, *subject.uk)}
        for number, thing in enumerate(things):
            for language in LANGUAGES:
                for name in thing.names[language]:
                    self._named[name].add(number)
                for name in (*thing.names[language], *thing.tags[language]):
                    self._called[name].add(number)

    def write(self, rng: np.random.Generator, shown: Shown, language: str) -> Words:
        """A text in "en" or "uk" that is true of the picture."""
        thing = self.things[shown.thing]
        colour = shown.colour if rng.random() < 0.7 else None
        if colour is not None and rng.random() < 0.06:
            return Words(self._fill(rng, _GROUND[language], "", colour), None, colour=colour)
        tags = [tag for tag in thing.tags[language] if tag not in self._taken]
        if tags and rng.random() < (0.15 if thing.subject is not None else 0.35):
            tag = tags[int(rng.integers(len(tags)))]
            return Words(
                self._framed(rng, language, tag, colour), frozenset(self._called[tag]), colour=colour
            )
        if thing.subject is not None:
            return self._caption(rng, shown, language, colour)
        name = thing.names[language][0]
        fits = frozenset(self._named[name])
        return Words(
            self._framed(rng, language, name, colour), fits, frozenset(self._called[name]) - fits, colour
        )

    def _caption(self, rng: np.random.Generator, shown: Shown, language: str, colour: int | None) -> Words:
        """A caption of the checkpoint's own kind, which may name the size."""
        thing = self.things[shown.thing]
        size = -1 if shown.small and rng.random() < 0.4 else int(not shown.small and rng.random() < 0.04)
        words = english if language == "en" else ukrainian
        subject = shown.thing if thing.subject is None else thing.subject
        text = words(rng, subject, None if colour is None else COLOURS[colour], size)
        called = {other for name in thing.names[language] for other in self._called[name]}
        unsure = frozenset(other for other in called if self.things[other].subject is None)
        return Words(text, frozenset({shown.thing}), unsure, colour, None if size == 0 else size < 0)

    def _framed(self, rng: np.random.Generator, language: str, name: str, colour: int | None) -> str:
        templates = _TEMPLATES[language]
        return self._fill(rng, templates[-2:] if colour is None else templates[:-2], name, colour)

    @staticmethod
    def _fill(rng: np.random.Generator, templates: tuple[str, ...], name: str, colour: int | None) -> str:
        template = templates[int(rng.integers(len(templates)))]
        if colour is None:
            return template.format(b=name)
        names = COLOURS[colour].en if "background" in template or " on " in template else COLOURS[colour].uk
        word = names[int(rng.integers(len(names)))]
        return template.format(b=name, c=word, n=neuter(word) if "{n}" in template else "")


def agreement(shown: list[Shown], texts: list[Words]) -> npt.NDArray[np.int8]:
    """1 where a text fits a picture, 0 where not, -1 where that is unsure; [pictures, texts]."""
    table = np.zeros((len(shown), len(texts)), np.int8)
    for column, words in enumerate(texts):
        for row, one in enumerate(shown):
            if words.small is not None and words.small != one.small:
                continue
            if words.colour is not None and one.colour not in {None, words.colour}:
                continue
            if words.fits is not None and one.thing not in words.fits:
                table[row, column] = -1 if one.thing in words.unsure else 0
            else:
                table[row, column] = -1 if words.colour is not None and one.colour is None else 1
    return table


@dataclass(frozen=True)
class Seen:
    """Training scenes as they come out of the checkpoint's decoder: uint8 [count, 3, 128, 128]."""

    pictures: npt.NDArray[np.uint8]
    scenes: list[Scene]


def _shade(rng: np.random.Generator, rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    noise = rng.normal(0, 6) + rng.normal(0, 3, 3)
    red, green, blue = (int(value) for value in np.clip(np.array(rgb) + noise, 0, 255))
    return red, green, blue


class Painter:
    """Draws batches; held-out pairs of subject and colour never appear."""

    def __init__(self, things: list[Thing], seen: Seen) -> None:
        self._things, self._seen = things, seen
        rare = {plain(emoji) for emoji in DISTRACTORS}
        self._others = [
            number
            for number, thing in enumerate(things)
            if thing.subject is None
            for _ in range(4 if plain(thing.emoji) in rare else 1)
        ]

    def batch(self, rng: np.random.Generator, pairs: int, others: int) -> tuple[Floats, list[Shown]]:
        """`pairs` subjects on two backgrounds each, and `others`; pictures in [-1, 1]."""
        images, shown = [], []
        for number in range(pairs):
            scene = random_scene(rng)
            if number % 2:
                pick = int(rng.integers(len(self._seen.scenes)))
                scene = self._seen.scenes[pick]
                images.append(Image.fromarray(self._seen.pictures[pick].transpose(1, 2, 0)))
            else:
                images.append(self._compose(rng, scene.subject, scene))
            shown.append(Shown(scene.subject, scene.colour, scene.small))
            partner = self._partner(rng, scene)
            images.append(self._compose(rng, partner.subject, partner))
            shown.append(Shown(partner.subject, partner.colour, partner.small))
        for _ in range(others):
            scene = replace(self._free(rng, random_scene(rng)), colour=int(rng.integers(len(COLOURS))))
            scene = replace(scene, shade=_shade(rng, COLOURS[scene.colour].rgb))
            thing = self._others[int(rng.integers(len(self._others)))]
            odd = rng.random() < 0.1
            if odd:
                red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
                scene = replace(scene, shade=(red, green, blue))
            images.append(self._compose(rng, thing, scene))
            shown.append(Shown(thing, None if odd else scene.colour, scene.small))
        return to_array(images), shown

    def _partner(self, rng: np.random.Generator, scene: Scene) -> Scene:
        """The same subject on another background, often placed freely."""
        free = self._free(rng, scene) if rng.random() < 0.6 else scene
        while True:
            colour = int(rng.integers(len(COLOURS)))
            if colour != scene.colour and not held_out(scene.subject, colour):
                return replace(free, colour=colour, shade=_shade(rng, COLOURS[colour].rgb))

    @staticmethod
    def _free(rng: np.random.Generator, scene: Scene) -> Scene:
        """Any size of `EXTENTS`, anywhere within the picture."""
        extent = EXTENTS[int(rng.integers(len(EXTENTS)))]
        reach = (SIZE - extent) // 2
        dx, dy = (int(step) for step in rng.integers(-reach, reach + 1, 2))
        return replace(scene, extent=extent, small=extent <= SMALL, dx=dx, dy=dy)

    def _compose(self, rng: np.random.Generator, thing: int, scene: Scene) -> Image.Image:
        """The thing in the place and on the shade of a scene, up to three pixels off."""
        image = Image.new("RGB", (SIZE, SIZE), scene.shade)
        mark = sprite(self._things[thing].emoji, scene.extent)
        dx, dy = (int(step) for step in rng.integers(-3, 4, 2))
        at = ((SIZE - mark.width) // 2 + scene.dx + dx, (SIZE - mark.height) // 2 + scene.dy + dy)
        image.paste(mark, at, mark)
        return image
