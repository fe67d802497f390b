# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Trains a ControlNet on cached latents, with control images made from the pictures drawn again."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from torch.nn import functional

from training.base.latents import encode
from training.base.unet import STEPS, Captions, signal_and_noise
from training.controlnet.control_images import Bytes, as_rgb
from training.controlnet.scenes import Drawing, caption_for, extra_of
from training.fitting.muon import Pair
from training.fitting.workers import LOG, Clock, Saver, load_state, save_state

BATCH = 16
EMA = 0.995
BLANK = 0.04  # share of empty control images, which must change nothing

Preprocess = Callable[[Bytes, np.random.Generator], Bytes]


@dataclass(frozen=True)
class ControlConfig:
    """Settings of one ControlNet run; `name` is that of the state file."""

    state: Path
    name: str
    minutes: float
    rate: float = 1.2e-3
    seed: int = 31


@dataclass(frozen=True)
class Pool:
    """Scaled latents [count, 4, 16, 16], and the drawing that each was made from."""

    latents: torch.Tensor
    drawing: Callable[[int], Drawing]


def extra_latents(folder: Path, vae: AutoencoderKL, count: int, others: list[str]) -> torch.Tensor:
    """Unscaled latents of the extra pictures 0 to `count`, encoded once; resumes every 1024."""
    path = folder / "extra-latents.npy"
    pieces = [np.load(path)] if path.exists() else []
    done = sum(len(piece) for piece in pieces)
    while done < count:
        pictures = np.stack([extra_of(done + offset, others).picture for offset in range(32)])
        flat = pictures.astype(np.float32).transpose(0, 3, 1, 2) / np.float32(127.5) - np.float32(1)
        pieces.append(encode(vae, np.ascontiguousarray(flat)).half().numpy())
        done += 32
        if done % 1024 == 0 or done >= count:
            pieces = [np.concatenate(pieces)]
            part = path.with_suffix(".part.npy")
            np.save(part, pieces[0])
            part.replace(path)
            LOG.info("extra latents %d", done)
    return torch.from_numpy(np.concatenate(pieces)[:count]).float()


def _time_steps(rng: np.random.Generator) -> torch.Tensor:
    """Evenly spread over the batch, denser at high noise, where the layout is decided."""
    spread = (rng.permutation(BATCH) + rng.random(BATCH)) / BATCH
    return torch.from_numpy((STEPS * spread**0.65).astype(np.int64)).clamp(max=STEPS - 1)


def _rate(peak: float, progress: float, step: int) -> float:
    """Warm-up, flat, and a cosine to nearly zero over the second half."""
    warm = min(1.0, (step + 1) / 40)
    return peak * warm * (0.02 + 0.49 * (1 + math.cos(math.pi * max(0.0, 2 * progress - 1))))


@dataclass
class _Lesson:
    """Makes batches and their loss."""

    pool: Pool
    captions: Captions
    unet: UNet2DConditionModel
    preprocess: Preprocess

    def loss(self, model: ControlNetModel, rng: np.random.Generator) -> torch.Tensor:
        """Error of the velocity that the steered UNet predicts, for one random batch."""
        picks = rng.integers(len(self.pool.latents), size=BATCH)
        drawings = [self.pool.drawing(int(pick)) for pick in picks]
        states = self.captions.states([caption_for(one, rng) for one in drawings])
        lines = np.stack([as_rgb(self.preprocess(one.picture, rng)) for one in drawings])
        shown = torch.from_numpy(lines.transpose(0, 3, 1, 2).astype(np.float32) / 255)
        shown[torch.from_numpy(rng.random(BATCH) < BLANK)] = 0
        latents, steps = self.pool.latents[picks], _time_steps(rng)
        noise = torch.randn_like(latents)
        signal, hidden = signal_and_noise(steps)
        noisy = signal * latents + hidden * noise
        with torch.autocast("cpu", torch.bfloat16):
            down, middle = model(noisy, steps, states, shown, return_dict=False)
            output = self.unet(
                noisy,
                steps,
                states,
                down_block_additional_residuals=down,
                mid_block_additional_residual=middle,
            ).sample
        return functional.mse_loss(output.float(), signal * noise - hidden * latents)


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


def _train(config: ControlConfig, lesson: _Lesson, model: ControlNetModel, average: ControlNetModel) -> None:
    """Steps until the minutes are used up, saving what is needed to go on."""
    path = config.state / f"{config.name}.pt"
    stored, optimiser = load_state(path), Pair(model, config.rate)
    if stored:
        model.load_state_dict(stored["model"])
        average.load_state_dict(stored["average"])
        optimiser.load_state_dict(stored["optimiser"])
    step = int(stored.get("step", 0))
    torch.manual_seed(config.seed + step)
    rng = np.random.default_rng((config.seed, step))
    clock = Clock(config.minutes, float(stored.get("spent", 0.0)))
    saver, seen, begun = Saver(), 0.0, time.time()
    while clock.progress < 1:
        loss = lesson.loss(model, rng)
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step(_rate(config.rate, clock.progress, step))
        step, seen = step + 1, seen + loss.item()
        _follow(average, model, min(EMA, (1 + step) / (10 + step)))
        if step % 50 == 0:
            pace, done = (time.time() - begun) / 50, 100 * clock.progress
            LOG.info("%s step %d loss %.4f %.2f s/step %.0f%%", config.name, step, seen / 50, pace, done)
            seen, begun = 0.0, time.time()
        if saver.due(clock):
            state: dict[str, Any] = {"model": model.state_dict(), "average": average.state_dict()}
            state |= {"optimiser": optimiser.state_dict(), "step": step, "spent": clock.elapsed}
            save_state(path, state)


def train_controlnet(
    config: ControlConfig,
    model: ControlNetModel,
    unet: UNet2DConditionModel,
    pool: Pool,
    captions: Captions,
    preprocess: Preprocess,
) -> ControlNetModel:
    """Train (or go on training) from the weights of `model`; gives the averaged weights."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    unet.requires_grad_(requires_grad=False)
    unet.set_attn_processor(AttnProcessor())  # here twice as fast as the fused one on a CPU
    average = copy.deepcopy(model)
    average.requires_grad_(requires_grad=False)
    _train(config, _Lesson(pool, captions, unet, preprocess), model, average)
    return average
