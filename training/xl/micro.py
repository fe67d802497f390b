"""Pictures with the six numbers that SDXL is told of each: original size, crop and target size.

Most training pictures are whole and sharp: (128, 128, 0, 0, 128, 128). A small share was cut
from a larger picture, so that the subject lies further up and left, or was enlarged from a
small original, so that it is blurred; then the numbers say so.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image

from training.base.latents import encode
from training.data.art import SIZE, Scene, draw_scene, random_scene, to_array
from training.fitting.workers import LOG

ORIGINALS = (12, 16, 20, 24, 32)  # sides of blurred originals, pixels
CROPS = (0, 8, 16, 24, 32, 40)  # whole latent cells, see `random_scene`
COUNT = 1536
OTHER_SIZES = 0.08  # whole pictures that are told to be of another size, so that such numbers do no harm

Ids = tuple[float, float, float, float, float, float]
WHOLE: Ids = (SIZE, SIZE, 0.0, 0.0, SIZE, SIZE)


@dataclass(frozen=True)
class MicroScene:
    """A scene as seen after cropping (`top`, `left` pixels) or enlarging (from `original` pixels)."""

    scene: Scene
    original: int = SIZE
    top: int = 0
    left: int = 0

    @property
    def ids(self) -> Ids:
        """The numbers in the pipeline's order."""
        return (self.original, self.original, self.top, self.left, SIZE, SIZE)


def micro_scene(seed: int, index: int) -> MicroScene:
    """Scene number `index` of the fixed set `seed`: one half cropped, one half blurred."""
    rng = np.random.default_rng((seed, index))
    scene = random_scene(rng)
    if rng.random() < 0.5:
        return MicroScene(scene, original=int(rng.choice(ORIGINALS)))
    top, left = (int(step) for step in rng.choice(CROPS, size=2))
    return MicroScene(scene, top=top, left=left)


def draw_micro(micro: MicroScene) -> Image.Image:
    """The picture that the model learns for these numbers."""
    scene = replace(micro.scene, dx=micro.scene.dx - micro.left, dy=micro.scene.dy - micro.top)
    picture = draw_scene(scene)
    if micro.original == SIZE:
        return picture
    small = picture.resize((micro.original, micro.original), Image.Resampling.BOX)
    return small.resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def micro_latents(folder: Path, vae: AutoencoderKL, seed: int) -> torch.Tensor:
    """Unscaled latents of the scenes 0 to `COUNT` of `seed`, [COUNT, 4, 16, 16]; kept in the folder."""
    path = folder / f"micro-{seed}.npy"
    if not path.exists():
        pieces = []
        for start in range(0, COUNT, 32):
            pictures = [draw_micro(micro_scene(seed, start + at)) for at in range(32)]
            pieces.append(encode(vae, to_array(pictures)).half().numpy())
        part = path.with_suffix(".part.npy")
        np.save(part, np.concatenate(pieces))
        part.replace(path)
        LOG.info("xl latents %d", COUNT)
    return torch.from_numpy(np.load(path)).float()


def whole_ids(rng: np.random.Generator) -> Ids:
    """Numbers for a whole, sharp picture; a few say a larger size, as a larger request would."""
    if rng.random() >= OTHER_SIZES:
        return WHOLE
    height, width = (float(side) for side in 8 * rng.integers(12, 49, 2))
    if rng.random() < 0.5:  # a large original, as SDXL is often told for sharpness
        return (max(height, SIZE), max(width, SIZE), 0.0, 0.0, SIZE, SIZE)
    return (max(height, SIZE), max(width, SIZE), 0.0, 0.0, height, width)
