# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch, diffusers and transformers publish only part of their types.
"""Training of the adapter on cached latents; UNet, text encoder and image encoder stay frozen."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from torch.nn import functional

from training.base.unet import STEPS, Captions, signal_and_noise
from training.base.vae import learning_rate
from training.data.art import scene_of
from training.data.captions import article
from training.data.subjects import COLOURS, SUBJECTS
from training.fitting.muon import Pair
from training.fitting.workers import LOG, Clock, fit, load_state, save_state
from training.ip_adapter.data import JITTER, guide
from training.ip_adapter.model import TOKENS, attach, starting_state

BATCH = 32
SPOTS = (16, 24, 40, 70)  # positions after the caption: each of them tells the whole meaning
RIDGE = 1e-3


@dataclass(frozen=True)
class AdapterSettings:
    """Settings of one run."""

    state: Path
    minutes: float = 14.0
    rate: float = 1e-3
    seed: int = 31
    scene_seed: int = 11


def fitted_projection(
    embeddings: torch.Tensor, captions: Captions, settings: AdapterSettings
) -> dict[str, torch.Tensor]:
    """A projection to what the text encoder says of the reference pictures, by least squares.

    `embeddings` is [scenes, 2, width]. The tokens pass a layer normalisation like the text
    states do, so it starts as the text encoder's own, and the states before it are fitted.
    """
    norm: Any = captions.encoder.final_layer_norm
    scenes = [scene_of(settings.scene_seed, at) for at in range(len(embeddings))]
    texts = [
        f"{article(SUBJECTS[one.subject].en[0])} on a {COLOURS[one.colour].en[0]} background"
        for one in scenes
    ]
    known = {text: captions.states([text])[0, list(SPOTS)] for text in dict.fromkeys(texts)}
    wanted = torch.stack([known[text] for text in texts])
    plain = ((wanted - norm.bias) / norm.weight).detach().flatten(1).double()
    seen = embeddings[:, 0].double()
    padded = torch.cat([seen, torch.ones(len(seen), 1, dtype=torch.float64)], 1)
    gram = padded.T @ padded
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    found = torch.linalg.solve(gram, padded.T @ plain)
    rest = (padded @ found - plain).square().mean() / plain.var()
    LOG.info("the projection starts with %.1f%% of the text states explained", 100 * (1 - rest.item()))
    return {
        "proj.weight": found[:-1].T.float().contiguous(),
        "proj.bias": found[-1].float().contiguous(),
        "norm.weight": norm.weight.detach().clone(),
        "norm.bias": norm.bias.detach().clone(),
    }


@dataclass
class Job:
    """The parts of one run."""

    settings: AdapterSettings
    unet: UNet2DConditionModel
    trained: nn.Module
    optimiser: Pair
    latents: torch.Tensor
    embeddings: torch.Tensor
    captions: Captions
    rng: np.random.Generator
    step: int = 0

    def conditions(self, picks: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Text states [batch, 77, width] and image embeddings [batch, 1, width]."""
        spread = JITTER * float(self.embeddings[:256].std())
        texts, seen = [], []
        for pick in picks:
            told = guide(self.rng, scene_of(self.settings.scene_seed, pick))
            own = self.embeddings[pick, told.reference or 0]
            texts.append(told.text)
            seen.append(
                torch.zeros_like(own) if told.reference is None else own + spread * torch.randn_like(own)
            )
        return self.captions.states(texts), torch.stack(seen)[:, None]

    def update(self, rate: float) -> float:
        """One training step; gives its loss, the error of the predicted velocity."""
        picks = [int(pick) for pick in self.rng.integers(len(self.latents), size=BATCH)]
        states, seen = self.conditions(picks)
        latents, spread = self.latents[picks], (self.rng.permutation(BATCH) + self.rng.random(BATCH)) / BATCH
        steps = torch.from_numpy((STEPS * spread**0.75).astype(np.int64)).clamp(max=STEPS - 1)
        noise = torch.randn_like(latents)
        signal, hidden = signal_and_noise(steps)
        with torch.autocast("cpu", torch.bfloat16):
            output = self.unet(
                signal * latents + hidden * noise, steps, states, added_cond_kwargs={"image_embeds": [seen]}
            ).sample
        loss = functional.mse_loss(output.float(), signal * noise - hidden * latents)
        self.trained.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained.parameters(), 1.0)
        self.optimiser.step(rate)
        self.step += 1
        return loss.item()

    def save(self, path: Path, spent: float) -> None:
        """Store everything needed to go on."""
        state = {
            "model": self.trained.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "spent": spent,
        }
        save_state(path, state)


def build_job(
    settings: AdapterSettings,
    unet: UNet2DConditionModel,
    captions: Captions,
    latents: torch.Tensor,
    embeddings: torch.Tensor,
) -> Job:
    """A new run, or the stored one; `latents` are scaled."""
    torch.manual_seed(settings.seed)
    stored = load_state(settings.state / "adapter.pt")
    width = embeddings.shape[-1]
    blank = {"proj.weight": torch.zeros(TOKENS * 128, width), "proj.bias": torch.zeros(TOKENS * 128)}
    blank.update({"norm.weight": torch.ones(128), "norm.bias": torch.zeros(128)})
    start = blank if stored else fitted_projection(embeddings, captions, settings)
    trained = attach(unet, starting_state(unet, start))
    job = Job(
        settings,
        unet,
        trained,
        Pair(trained, settings.rate),
        latents,
        embeddings,
        captions,
        np.random.default_rng(settings.seed),
    )
    if stored:
        trained.load_state_dict(stored["model"])
        job.optimiser.load_state_dict(stored["optimiser"])
        job.step = int(stored["step"])
        job.rng = np.random.default_rng((settings.seed, job.step))
        torch.manual_seed(settings.seed + job.step)
    return job


def train_adapter(job: Job) -> None:
    """Train (or go on training) until the minutes are used up; the state goes to `adapter.pt`."""
    torch.set_num_threads(1)
    settings, path = job.settings, job.settings.state / "adapter.pt"
    clock = Clock(settings.minutes, float(load_state(path).get("spent", 0.0)))
    fit(job, path, clock, partial(learning_rate, settings.rate), label="adapter")
