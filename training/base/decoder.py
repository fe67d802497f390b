# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Stage 5: the decoder alone, while the encoder (and with it the cached latents) stays.

The decoder sees latents as the UNet leaves them: exact ones, noisy ones, and one-step
estimates by the UNet in training. It learns to draw a clean picture from a slightly wrong
latent, which is where most of the crispness of the finished model comes from.
"""

import copy
import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn

from training.data.art import Floats, draw_scene, extra_emoji, scene_of, to_array, varied_picture
from training.data.captions import caption
from training.fitting.muon import Pair
from training.fitting.workers import Clock, fit, load_state, save_state

from .latents import encode, scale_of
from .unet import Captions, build_unet, signal_and_noise
from .vae import picture_loss

BATCH = 6
EMA = 0.995
RELOAD_STEPS = 400  # how often newer UNet weights are taken over
LATEST_STEP = 650  # estimates from later (noisier) time steps are too far from the truth


@dataclass(frozen=True)
class DecoderConfig:
    """Settings of one decoder run."""

    state: Path
    emoji_data: Path
    minutes: float = 60.0
    rate: float = 1e-3
    seed: int = 5
    scene_seed: int = 11


class Estimates:
    """One-step estimates of latents by the current UNet."""

    def __init__(self, state: Path, captions: Captions, seed: int) -> None:
        self._path, self._captions, self._seed = state / "unet.pt", captions, seed
        self._model: UNet2DConditionModel | None = None

    def reload(self) -> None:
        """Take over the newest averaged weights, if there are any yet."""
        stored = load_state(self._path)
        if stored:
            self._model = self._model or build_unet().eval()
            self._model.load_state_dict(stored["average"])

    def of(self, latents: torch.Tensor, picks: list[int], rng: np.random.Generator) -> torch.Tensor:
        """Scaled latents as the UNet would finish them from a random time step."""
        if self._model is None:
            return latents + 0.05 * torch.randn_like(latents)
        scenes = [scene_of(self._seed, pick) for pick in picks]
        states = self._captions.states(
            [caption(rng, scene.subject, scene.colour, small=scene.small) for scene in scenes]
        )
        steps = torch.from_numpy(rng.integers(20, LATEST_STEP, len(picks)))
        signal, hidden = signal_and_noise(steps)
        mixed = signal * latents + hidden * torch.randn_like(latents)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            velocity = self._model(mixed, steps, states).sample.float()
        return signal * mixed - hidden * velocity


@dataclass
class Job:
    """The parts of one decoder run."""

    config: DecoderConfig
    vae: AutoencoderKL
    average: nn.Module
    optimiser: Pair
    latents: torch.Tensor
    estimates: Estimates
    others: list[str]
    rng: np.random.Generator
    step: int = 0

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Scaled latents (exact, noisy, estimated, and of freely placed emoji) and pictures."""
        rng, seed = self.rng, self.config.scene_seed
        picks = [int(pick) for pick in rng.integers(len(self.latents), size=BATCH - 1)]
        known = self.latents[picks]
        known[0] = known[0] + 0.1 * float(rng.random()) * torch.randn_like(known[0])
        known[2:] = self.estimates.of(known[2:], picks[2:], rng)
        pictures: list[Floats] = [
            to_array([draw_scene(scene_of(seed, pick)) for pick in picks]),
            to_array([varied_picture(rng, self.others)]),
        ]
        free = encode(self.vae, pictures[1]) * scale_of(self.vae)
        return torch.cat([known, free]), torch.from_numpy(np.concatenate(pictures))

    def update(self, rate: float) -> float:
        """One training step; gives its loss."""
        inputs, pictures = self.batch()
        with torch.autocast("cpu", torch.bfloat16):
            output = self.vae.decode(inputs / scale_of(self.vae)).sample
        loss = picture_loss(output.float(), pictures)
        self.vae.decoder.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.vae.decoder.parameters(), 1.0)
        self.optimiser.step(rate)
        self.step += 1
        if self.step % RELOAD_STEPS == 0:
            self.estimates.reload()
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.vae.decoder.parameters()), 1 - EMA
            )
        return loss.item()

    def save(self, path: Path, spent: float) -> None:
        """Store everything needed to go on."""
        save_state(
            path,
            {
                "model": self.vae.decoder.state_dict(),
                "step": self.step,
                "average": self.average.state_dict(),
                "spent": spent,
                "optimiser": self.optimiser.state_dict(),
            },
        )


def decoder_rate(peak: float, progress: float, step: int) -> float:
    """Warm-up, then a cosine over the whole run."""
    warm = min(1.0, (step + 1) / 50)
    return peak * warm * (0.02 + 0.49 * (1 + math.cos(math.pi * progress)))


def _job(
    config: DecoderConfig,
    vae: AutoencoderKL,
    latents: torch.Tensor,
    captions: Captions,
    stored: dict[str, Any],
) -> Job:
    """A new run, or the stored one."""
    vae.requires_grad_(requires_grad=False)
    vae.decoder.requires_grad_(requires_grad=True)
    job = Job(
        config,
        vae,
        copy.deepcopy(vae.decoder),
        Pair(vae.decoder, config.rate),
        latents,
        Estimates(config.state, captions, config.scene_seed),
        extra_emoji(config.emoji_data),
        np.random.default_rng(config.seed),
    )
    if stored:
        vae.decoder.load_state_dict(stored["model"])
        job.average.load_state_dict(stored["average"])
        job.optimiser.load_state_dict(stored["optimiser"])
        job.step = int(stored["step"])
        job.rng = np.random.default_rng((config.seed, job.step))
    torch.manual_seed(config.seed + job.step)
    return job


def train_decoder(
    config: DecoderConfig, vae: AutoencoderKL, latents: torch.Tensor, captions: Captions
) -> None:
    """Train (or go on training) on scaled latents; `vae` ends with the averaged decoder."""
    torch.set_num_threads(1)
    path = config.state / "decoder.pt"
    stored = load_state(path)
    job = _job(config, vae, latents, captions, stored)
    clock = Clock(config.minutes, float(stored.get("spent", 0.0)))
    job.estimates.reload()
    fit(job, path, clock, partial(decoder_rate, config.rate), label="decoder")
    vae.decoder.load_state_dict(job.average.state_dict())
