# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Stage 1: the autoencoder. Stage 4 reuses `train_vae` to sharpen the decoder alone."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch.nn import functional

from training.data.art import SIZE, extra_emoji, to_array, varied_picture
from training.fitting.muon import Pair
from training.fitting.workers import LOG, Clock, Saver, load_state, run_workers, save_state

KL_WEIGHT = 1e-4
EDGE_WEIGHT = 0.5
LATENT_NOISE = 0.1  # keeps the encoder from hiding detail where the UNet could not find it
THUMB_WEIGHT = 1.0  # see _step
CROP_SHARE = 0.55  # of the budget on 64 px crops, which show more ink per second


@dataclass(frozen=True)
class VaeConfig:
    """Settings of one autoencoder run."""

    state: Path
    emoji_data: Path
    minutes: float = 20.0
    workers: int = 2
    rate: float = 2e-3
    seed: int = 1


def build_vae() -> AutoencoderKL:
    """The Stable Diffusion autoencoder layout (f = 8, four channels), very narrow."""
    model = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 96),
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=SIZE,
    )
    with torch.no_grad():  # start almost without noise: with unit noise the decoder learns to
        model.quant_conv.bias[4:] = -5.0  # ignore the latents first, and the run stands still
        model.quant_conv.weight[4:] *= 0.1
    return model


def edge_loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """L1 between the finite differences: it is what keeps outlines crisp."""
    error = output - target
    across = error[..., 1:] - error[..., :-1]
    down = error[..., 1:, :] - error[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def picture_loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Colour and outline error of decoded pictures."""
    flat = functional.l1_loss(output, target) + functional.mse_loss(output, target)
    return flat + EDGE_WEIGHT * edge_loss(output, target)


def learning_rate(peak: float, progress: float, step: int) -> float:
    """Short warm-up, then flat, then a cosine to zero over the second half."""
    warm = min(1.0, (step + 1) / 50)
    if progress < 0.5:
        return peak * warm
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (2 * progress - 1))))


def _batch(rng: np.random.Generator, others: list[str], progress: float) -> torch.Tensor:
    """Sixteen crops early in the run, four whole pictures later."""
    if progress >= CROP_SHARE:
        return torch.from_numpy(to_array([varied_picture(rng, others) for _ in range(4)]))
    crops = []
    for picture in to_array([varied_picture(rng, others) for _ in range(8)]):
        for _ in range(2):
            top, left = rng.integers(4, 61, 2)
            crops.append(picture[:, top : top + 64, left : left + 64])
    return torch.from_numpy(np.stack(crops))


def _step(model: AutoencoderKL, pictures: torch.Tensor, progress: float) -> tuple[torch.Tensor, float]:
    """Loss and plain L1. Three latent channels are pulled towards a thumbnail of the picture.

    Group normalisation hides flat colours, and without the pull the first thousand steps go
    into finding them again; with it, latents stay near to what a small UNet learns easily.
    """
    with torch.autocast("cpu", torch.bfloat16):
        posterior = model.encode(pictures).latent_dist
        latents = posterior.sample()
        output = model.decode(latents + LATENT_NOISE * torch.randn_like(latents)).sample
    pixels = picture_loss(output.float(), pictures)
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    thumbs = functional.mse_loss(posterior.mean.float()[:, :3], functional.avg_pool2d(pictures, 8))
    divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    guide = THUMB_WEIGHT * max(0.05, 1 - 2 * progress)
    plain = functional.l1_loss(output.float(), pictures).item()
    return pixels + guide * thumbs + KL_WEIGHT * divergence, plain


def _worker(rank: int, model: AutoencoderKL, config: VaeConfig, spent: float, step: int) -> None:
    torch.manual_seed(config.seed * 1000 + rank + step)
    rng = np.random.default_rng((config.seed, rank, step))
    others, optimiser = extra_emoji(config.emoji_data), Pair(model, config.rate)
    own = config.state / f"vae-optimiser-{rank}.pt"
    if step and own.exists():
        optimiser.load_state_dict(load_state(own))
    clock, saver, seen, begun = Clock(config.minutes, spent), Saver(), 0.0, time.time()
    while clock.progress < 1:
        loss, error = _step(model, _batch(rng, others, clock.progress), clock.progress)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step(learning_rate(config.rate, clock.progress, step))
        step, seen = step + 1, seen + error
        if step % 50 == 0:
            LOG.info(
                "vae worker %d step %d l1 %.4f loss %.4f %.2f s/step %.0f%%",
                rank,
                step,
                seen / 50,
                loss.item(),
                (time.time() - begun) / 50,
                100 * clock.progress,
            )
            seen, begun = 0.0, time.time()
        if saver.due(clock):
            save_state(own, optimiser.state_dict())
            if rank == 0:
                save_state(
                    config.state / "vae.pt",
                    {"model": model.state_dict(), "step": step, "spent": clock.elapsed},
                )


def train_vae(config: VaeConfig) -> AutoencoderKL:
    """Train (or go on training) the autoencoder until its minutes are used up."""
    torch.manual_seed(config.seed)
    model = build_vae()
    stored = load_state(config.state / "vae.pt")
    if stored:
        model.load_state_dict(stored["model"])
    model.share_memory()
    run_workers(
        _worker, config.workers, model, config, float(stored.get("spent", 0.0)), int(stored.get("step", 0))
    )
    return model
