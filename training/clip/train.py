# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and transformers publish only part of their types.
"""Contrastive training on pictures drawn on the fly."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import nn
from torch.nn import functional
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from training.base.vae import learning_rate
from training.clip.data import LANGUAGES, Language, Painter, Seen, Shown, Thing, agreement, read_things
from training.clip.model import (
    WIDTH,
    ClipPair,
    build_clip,
    contrastive_loss,
    glimpse_embeddings,
    image_embeddings,
    text_embeddings,
    tokens,
)
from training.data.art import scene_of
from training.data.subjects import COLOURS
from training.fitting.workers import LOG, Clock, Saver, load_state, save_state

PAIRS, OTHERS = 28, 40  # a batch has 2 * PAIRS + OTHERS pictures and twice as many texts
SEEN = 2048  # training scenes kept as the decoder shows them
GLIMPSES, SHARE = 0.6, 0.5  # over this much of the budget, pictures are seen in this part
NAMING = 0.5  # weight of naming thing and colour by linear readouts, fading out
HOTTEST = 4.6052  # logarithm of the largest factor on cosines, 100


@dataclass(frozen=True)
class ClipSettings:
    """Settings of one run."""

    state: Path
    emoji_data: Path
    minutes: float = 16.0
    rate: float = 3e-3
    seed: int = 21
    scene_seed: int = 11


class Readouts(nn.Module):
    """Linear readouts of thing and colour: a dense signal while the texts are still learnt."""

    def __init__(self, things: int) -> None:
        super().__init__()
        self.thing, self.colour = nn.Linear(WIDTH, things), nn.Linear(WIDTH, len(COLOURS))

    def loss(self, pictures: torch.Tensor, shown: list[Shown]) -> torch.Tensor:
        """Summed cross-entropy for unit vectors [batch, 128]."""
        things = torch.tensor([one.thing for one in shown])
        colours = torch.tensor([-100 if one.colour is None else one.colour for one in shown])
        told = 10 * pictures
        return functional.cross_entropy(self.thing(told), things) + functional.cross_entropy(
            self.colour(told), colours
        )


def decoded_scenes(state: Path, vae: AutoencoderKL, latents: torch.Tensor, seed: int) -> Seen:
    """The first `SEEN` training scenes through the decoder, from slightly wrong latents (cached).

    Generated pictures come from such latents: soft outlines, colours that bleed.
    """
    path = state / "seen.npy"
    if not path.exists():
        torch.manual_seed(seed)
        spread, made = float(latents.std()), []
        for part in latents[:SEEN].split(16):
            noise = torch.randn_like(part) * spread * 0.35 * torch.rand(len(part), 1, 1, 1)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                pictures = vae.decode(part + noise).sample.float().clamp(-1, 1)
            made.append(((pictures + 1) * 127.5).round().byte().numpy())
        np.save(path, np.concatenate(made))
    return Seen(np.load(path), [scene_of(seed, index) for index in range(SEEN)])


def roughen(pictures: torch.Tensor) -> torch.Tensor:
    """Some blur, noise and other light, as generated pictures have them."""
    count = len(pictures)
    soft = functional.avg_pool2d(functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
    blur = (1.6 * torch.rand(count, 1, 1, 1) - 0.6).clamp(min=0)
    noise = 0.12 * (torch.rand(count, 1, 1, 1) - 0.5).clamp(min=0)
    light, tint = 1 + 0.05 * torch.randn(count, 1, 1, 1), 0.03 * torch.randn(count, 3, 1, 1)
    mixed = torch.lerp(pictures, soft, blur) * light + tint
    return (mixed + noise * torch.randn_like(pictures)).clamp(-1, 1)


@dataclass
class Job:
    """The parts of one run."""

    settings: ClipSettings
    model: CLIPModel
    readouts: Readouts
    tokenizer: CLIPTokenizer
    painter: Painter
    language: Language
    optimiser: ClipPair
    rng: np.random.Generator
    step: int = 0
    samples: int = 0

    def update(self, progress: float) -> float:
        """One training step; gives the contrastive loss."""
        pictures, shown = self.painter.batch(self.rng, PAIRS, OTHERS)
        texts = [self.language.write(self.rng, one, tongue) for one in shown for tongue in LANGUAGES]
        with torch.autocast("cpu", torch.bfloat16):
            rough = roughen(torch.from_numpy(pictures))
            if progress < GLIMPSES:
                seen = glimpse_embeddings(self.model, rough, SHARE)
            else:
                seen = image_embeddings(self.model, rough)
            read = text_embeddings(self.model, tokens(self.tokenizer, [one.text for one in texts]))
        loss = contrastive_loss(seen, read, self.model.logit_scale.exp(), agreement(shown, texts))
        whole = loss + NAMING * max(0.0, 1 - 1.5 * progress) * self.readouts.loss(seen, shown)
        self.model.zero_grad()
        self.readouts.zero_grad()
        whole.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step(learning_rate(self.settings.rate, progress, self.step))
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=HOTTEST)
        self.step += 1
        self.samples += len(pictures)
        return loss.item()

    def state(self, spent: float) -> dict[str, Any]:
        """Everything needed to go on."""
        return {
            "model": self.model.state_dict(),
            "readouts": self.readouts.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "samples": self.samples,
            "spent": spent,
        }


def _job(
    settings: ClipSettings,
    tokenizer: CLIPTokenizer,
    start: CLIPTextModel,
    seen: Seen,
    stored: dict[str, Any],
) -> Job:
    """A new run, or the stored one."""
    torch.manual_seed(settings.seed)
    things: list[Thing] = read_things(settings.emoji_data)
    model, readouts = build_clip(tokenizer, start).train(), Readouts(len(things))
    both = nn.ModuleDict({"model": model, "readouts": readouts})
    job = Job(
        settings,
        model,
        readouts,
        tokenizer,
        Painter(things, seen),
        Language(things),
        ClipPair(both, settings.rate),
        np.random.default_rng(settings.seed),
    )
    if stored:
        model.load_state_dict(stored["model"])
        readouts.load_state_dict(stored["readouts"])
        job.optimiser.load_state_dict(stored["optimiser"])
        job.step, job.samples = int(stored["step"]), int(stored["samples"])
        job.rng = np.random.default_rng((settings.seed, job.step))
        torch.manual_seed(settings.seed + job.step)
    return job


def train_clip(settings: ClipSettings, tokenizer: CLIPTokenizer, start: CLIPTextModel, seen: Seen) -> None:
    """Train (or go on training) until the minutes are used up; the state goes to `clip.pt`."""
    torch.set_num_threads(1)
    path = settings.state / "clip.pt"
    stored = load_state(path)
    job = _job(settings, tokenizer, start, seen, stored)
    clock, saver = Clock(settings.minutes, float(stored.get("spent", 0.0))), Saver()
    total, begun = 0.0, time.time()
    while clock.progress < 1:
        total += job.update(clock.progress)
        if job.step % 25 == 0:
            LOG.info(
                "clip step %d loss %.3f factor %.1f %.2f s/step %.0f%%",
                job.step,
                total / 25,
                job.model.logit_scale.exp().item(),
                (time.time() - begun) / 25,
                100 * clock.progress,
            )
            total, begun = 0.0, time.time()
        if saver.due(clock):
            save_state(path, job.state(clock.elapsed))
