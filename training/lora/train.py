# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Trains the low-rank additions of one style on cached latents; the base stays frozen."""

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
from transformers import CLIPTextModel, CLIPTokenizer

from training.base.latents import encode, scale_of
from training.base.unet import DROP, PLAIN, STEPS, Captions, signal_and_noise
from training.data.art import scene_of, to_array
from training.data.captions import caption, empty_caption
from training.fitting.workers import LOG, Clock, fit, load_state, save_state
from training.lora.network import LowRank, attach
from training.lora.styles import Style

SCENES = 1536
SCENE_SEED = 21
BATCH = 16
PLAIN_DISTANCE = 0.15  # of latents with a standard deviation of 0.5
TRIGGERED = 0.5  # captions that hold the trigger words; the others teach that the weight alone decides


@dataclass(frozen=True)
class LoraConfig:
    """Settings of one run. `base` is the exported checkpoint."""

    state: Path
    base: Path
    style: Style
    minutes: float = 7.0
    rate: float = 2e-3
    seed: int = 31


def load_captions(base: Path) -> Captions:
    """Frozen text states by the exported text encoder."""
    encoder = CLIPTextModel.from_pretrained(str(base / "text_encoder"), dtype=torch.float32)
    return Captions(CLIPTokenizer.from_pretrained(str(base / "tokenizer")), encoder)


def load_unet(base: Path) -> UNet2DConditionModel:
    """The exported UNet in float32."""
    unet: UNet2DConditionModel = UNet2DConditionModel.from_pretrained(str(base / "unet"), dtype=torch.float32)
    return unet.eval()


def style_latents(config: LoraConfig) -> torch.Tensor:
    """Scaled latents [SCENES, 4, 16, 16] of the styled training scenes, drawn and encoded once."""
    path = config.state / f"{config.style.name}-latents.pt"
    stored = load_state(path)
    if not stored:
        vae = AutoencoderKL.from_pretrained(str(config.base / "vae"), dtype=torch.float32).eval()
        pieces = []
        for start in range(0, SCENES, 32):
            scenes = [scene_of(SCENE_SEED, start + at) for at in range(32)]
            pieces.append(encode(vae, to_array([config.style.draw(scene) for scene in scenes])))
        stored = {"latents": (torch.cat(pieces) * scale_of(vae)).half()}
        save_state(path, stored)
        LOG.info("%s: %d scenes encoded", config.style.name, SCENES)
    latents: torch.Tensor = stored["latents"].float()
    return latents


def plain_cells(latents: torch.Tensor) -> torch.Tensor:
    """Where [n, 1, h, w] the scenes show nothing but the style's background, which is their median."""
    away = (latents - latents.median(0).values).abs().amax(1, keepdim=True)
    return (away < PLAIN_DISTANCE).float()


def styled(rng: np.random.Generator, text: str, trigger: str) -> str:
    """A caption with the trigger words before or after it."""
    if not text:
        return trigger
    return f"{text}, {trigger}" if rng.random() < 0.7 else f"{trigger}, {text}"


def _text(rng: np.random.Generator, index: int, trigger: str) -> str:
    if rng.random() < DROP:
        text = empty_caption(rng)
    else:
        scene = scene_of(SCENE_SEED, index)
        colour = None if rng.random() < PLAIN else scene.colour
        text = caption(rng, scene.subject, colour, small=scene.small)
    return styled(rng, text, trigger) if rng.random() < TRIGGERED else text


def lora_rate(peak: float, progress: float, step: int) -> float:
    """Warm-up, then a cosine over the whole run."""
    return peak * min(1.0, (step + 1) / 30) * (0.02 + 0.49 * (1 + math.cos(math.pi * progress)))


@dataclass
class Job:
    """The parts of one run."""

    config: LoraConfig
    unet: UNet2DConditionModel
    parts: dict[str, LowRank]
    captions: Captions
    latents: torch.Tensor
    plain: torch.Tensor
    optimiser: torch.optim.AdamW
    step: int = 0

    def update(self, rate: float) -> float:
        """One step on a random batch; gives its loss."""
        rng = np.random.default_rng((self.config.seed, self.step))
        picks = rng.integers(len(self.latents), size=BATCH)
        texts = [_text(rng, int(pick), self.config.style.trigger) for pick in picks]
        spread = (rng.permutation(BATCH) + rng.random(BATCH)) / BATCH
        steps = torch.from_numpy((STEPS * spread**0.75).astype(np.int64)).clamp(max=STEPS - 1)
        latents, noise = self.latents[picks], torch.randn(BATCH, *self.latents.shape[1:])
        signal, hidden = signal_and_noise(steps)
        with torch.autocast("cpu", torch.bfloat16):
            output = self.unet(signal * latents + hidden * noise, steps, self.captions.states(texts)).sample
        error = (output.float() - (signal * noise - hidden * latents)).square()
        # Guidance multiplies what is left of the colours asked for, and on white paper that shows.
        loss = (error * (1 + (self.config.style.plain_weight - 1) * self.plain[picks])).mean()
        self.optimiser.zero_grad()
        loss.backward()
        for group in self.optimiser.param_groups:
            nn.utils.clip_grad_norm_(group["params"], 1.0)
            group["lr"] = rate
        self.optimiser.step()
        self.step += 1
        return loss.item()

    def save(self, path: Path, spent: float) -> None:
        """Store everything needed to go on."""
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        state = {"parts": parts, "optimiser": self.optimiser.state_dict(), "step": self.step, "spent": spent}
        save_state(path, state)


def _job(config: LoraConfig) -> Job:
    unet = load_unet(config.base)
    parts = attach(unet, config.seed)
    weights = [weight for part in parts.values() for weight in part.parameters()]
    optimiser = torch.optim.AdamW(weights, config.rate, betas=(0.9, 0.99), weight_decay=0.0)
    latents = style_latents(config)
    return Job(config, unet, parts, load_captions(config.base), latents, plain_cells(latents), optimiser)


def restore(parts: dict[str, LowRank], path: Path) -> dict[str, Any]:
    """Put stored weights into the parts; gives the whole stored state."""
    stored = load_state(path)
    for name, weights in stored.get("parts", {}).items():
        parts[name].load_state_dict(weights)
    return stored


def train_lora(config: LoraConfig) -> None:
    """Train (or go on training) until the minutes are used up."""
    torch.set_num_threads(1)
    path = config.state / f"{config.style.name}.pt"
    job = _job(config)
    stored = restore(job.parts, path)
    if stored:
        job.optimiser.load_state_dict(stored["optimiser"])
        job.step = int(stored["step"])
    torch.manual_seed(config.seed + job.step)
    clock = Clock(config.minutes, float(stored.get("spent", 0.0)))
    fit(job, path, clock, partial(lora_rate, config.rate), label=config.style.name)
