"""Stage 3: a cache of encoded training scenes, so that the UNet never waits for the encoder."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from training.data.art import Floats, draw_scene, scene_of, to_array
from training.fitting.workers import LOG

TARGET_STD = 0.5  # smaller than usual: then the noise hides flat colours, and the text decides


def encode(vae: AutoencoderKL, pictures: Floats) -> torch.Tensor:
    """Means of the latents of some pictures, unscaled."""
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        mean: torch.Tensor = vae.encode(torch.from_numpy(pictures)).latent_dist.mean
    return mean.float()


def build_cache(folder: Path, vae: AutoencoderKL, count: int, seed: int) -> torch.Tensor:
    """Encode scenes 0 to `count` of `seed` (or load them); the file is written piece by piece."""
    path = folder / f"latents-{seed}.npy"
    pieces = [np.load(path)] if path.exists() else []
    done = sum(len(piece) for piece in pieces)
    while done < count:
        scenes = [scene_of(seed, done + offset) for offset in range(32)]
        pieces.append(encode(vae, to_array([draw_scene(scene) for scene in scenes])).half().numpy())
        done += 32
        if done % 2048 == 0 or done >= count:
            pieces = [np.concatenate(pieces)]
            part = path.with_suffix(".part.npy")
            np.save(part, pieces[0])
            part.replace(path)
            LOG.info("latents %d", done)
    return torch.from_numpy(np.concatenate(pieces)[:count])


def scaling_factor(latents: torch.Tensor) -> float:
    """What the latents are multiplied by to get `TARGET_STD`; the same for a growing cache."""
    return TARGET_STD / float(latents[:2048].float().std())


def scale_of(vae: AutoencoderKL) -> float:
    """The scaling factor that an autoencoder was configured with."""
    config: Any = vae.config
    return float(config.scaling_factor)
