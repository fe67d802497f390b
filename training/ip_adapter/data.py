# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and transformers publish only part of their types.
"""What the adapter learns from: embeddings of pictures, and captions that say little beside them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPVisionModelWithProjection

from training.clip.model import normalised
from training.data.art import SIZE, Scene, draw_scene, scene_of, to_array
from training.data.captions import caption, empty_caption, neuter
from training.data.subjects import COLOURS, held_out
from training.fitting.workers import LOG

_GROUND = {  # {c}: the colour as captions use it, {n}: Ukrainian neuter
    "en": ("a {c} background", "{c} background", "an emoji on a {c} background", "a picture, {c} background"),
    "uk": ("{n} тло", "на {c} тлі", "емодзі на {c} тлі", "картинка, {n} тло"),
}
JITTER = 0.05  # of the embeddings' own deviation; references are never quite those of training


def moved(rng: np.random.Generator, scene: Scene, colour: int) -> Scene:
    """The scene's subject on another shade of a colour, a few pixels elsewhere."""
    noise = rng.normal(0, 4) + rng.normal(0, 2, 3)
    red, green, blue = (int(value) for value in np.clip(np.array(COLOURS[colour].rgb) + noise, 0, 255))
    reach = min(8, (SIZE - scene.extent) // 2)
    dx, dy = (int(step) for step in rng.integers(-reach, reach + 1, 2))
    return replace(scene, colour=colour, shade=(red, green, blue), dx=dx, dy=dy)


def references(seed: int, index: int) -> tuple[Scene, Scene]:
    """Two reference scenes for scene `index`: the same pair, and the subject on another colour."""
    scene, rng = scene_of(seed, index), np.random.default_rng((seed, index, 1))
    while True:
        colour = int(rng.integers(len(COLOURS)))
        if colour != scene.colour and not held_out(scene.subject, colour):
            return moved(rng, scene, scene.colour), moved(rng, scene, colour)


def reference_embeddings(
    path: Path, encoder: CLIPVisionModelWithProjection, count: int, seed: int
) -> torch.Tensor:
    """Image embeddings of both references of each scene (cached), [count, 2, width]."""
    if not path.exists():
        made = []
        for start in range(0, count, 32):
            scenes = [one for at in range(start, start + 32) for one in references(seed, at)]
            pictures = torch.from_numpy(to_array([draw_scene(scene) for scene in scenes]))
            with torch.no_grad():
                found = encoder(pixel_values=normalised(pictures)).image_embeds
            made.append(found.view(32, 2, -1).numpy())
        np.save(path, np.concatenate(made))
        LOG.info("embedded %d references", 2 * count)
    return torch.from_numpy(np.load(path))


def ground_caption(rng: np.random.Generator, colour: int) -> str:
    """A caption that names only the background."""
    language = "en" if rng.random() < 0.6 else "uk"
    names = COLOURS[colour].en if language == "en" else COLOURS[colour].uk
    word = names[int(rng.integers(len(names)))]
    template = _GROUND[language][int(rng.integers(len(_GROUND[language])))]
    return template.format(c=word, n=neuter(word) if language == "uk" else "")


@dataclass(frozen=True)
class Guide:
    """What stands beside one latent: a caption, and which reference (None: no picture)."""

    text: str
    reference: int | None


def guide(rng: np.random.Generator, scene: Scene) -> Guide:
    """Mostly a picture alone; often a picture whose background the caption overrules; sometimes none."""
    kind = rng.random()
    if kind < 0.45:
        return Guide(empty_caption(rng), 0)
    if kind < 0.75:
        return Guide(ground_caption(rng, scene.colour), 1)
    if kind < 0.83:
        return Guide(caption(rng, scene.subject, scene.colour, small=scene.small), 0)
    if kind < 0.9:
        return Guide(caption(rng, scene.subject, None, small=scene.small), 0)
    if kind < 0.95:
        return Guide(caption(rng, scene.subject, scene.colour, small=scene.small), None)
    return Guide(empty_caption(rng), None)
