# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Distils the base's decoder into a far smaller one of TAESD's layout."""

import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch import nn
from torch.nn import functional

from training.base.decoder import decoder_rate
from training.base.vae import picture_loss
from training.fitting.muon import Pair
from training.fitting.workers import Clock, fit, load_state, save_state
from training.tiny_decoder.data import lessons

BATCH = 8
EMA = 0.99


@dataclass(frozen=True)
class TinyConfig:
    """Settings of one run. `base` is the exported checkpoint."""

    state: Path
    base: Path
    minutes: float = 7.0
    rate: float = 2e-3
    seed: int = 51


def build_tiny() -> AutoencoderTiny:
    """TAESD's layout with 16 channels; most blocks work on small maps, none on the finished size.

    The layout has one width for all sizes, and at the finished size each channel costs half a
    millisecond. The class wants an encoder too: a very small one, as nothing here encodes with it.
    """
    return AutoencoderTiny(
        encoder_block_out_channels=(16, 16, 16, 16),
        decoder_block_out_channels=(16, 16, 16, 16),
        num_encoder_blocks=(0, 1, 1, 1),
        num_decoder_blocks=(4, 3, 1, 0),
    )


@dataclass
class Job:
    """The parts of one run."""

    config: TinyConfig
    model: AutoencoderTiny
    average: AutoencoderTiny
    optimiser: Pair
    latents: torch.Tensor
    pictures: torch.Tensor
    step: int = 0

    def update(self, rate: float) -> float:
        """One step on a random batch; gives the loss of the decoder."""
        rng = np.random.default_rng((self.config.seed, self.step))
        picks = rng.integers(len(self.latents), size=BATCH)
        latents, wanted = self.latents[picks], self.pictures[picks].float() / 127.5 - 1
        with torch.autocast("cpu", torch.bfloat16):
            output = self.model.decode(latents).sample
            again = self.model.encode(wanted).latents
        loss = picture_loss(output.float(), wanted)
        self.model.zero_grad()
        (loss + functional.mse_loss(again.float(), latents)).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step(rate)
        self.step += 1
        decay = min(EMA, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)
        return loss.item()

    def save(self, path: Path, spent: float) -> None:
        """Store everything needed to go on."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "spent": spent,
        }
        save_state(path, state)


def train_tiny(config: TinyConfig) -> None:
    """Train (or go on training) until the minutes are used up."""
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    path = config.state / "tiny.pt"
    latents, pictures = lessons(config.state, config.base)
    model, stored = build_tiny(), load_state(path)
    job = Job(config, model, copy.deepcopy(model), Pair(model, config.rate), latents, pictures)
    if stored:
        model.load_state_dict(stored["model"])
        job.average.load_state_dict(stored["average"])
        job.optimiser.load_state_dict(stored["optimiser"])
        job.step = int(stored["step"])
    clock = Clock(config.minutes, float(stored.get("spent", 0.0)))
    fit(job, path, clock, partial(decoder_rate, config.rate), label="tiny")
