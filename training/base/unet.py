# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Stage 4: the denoising UNet, on cached latents and frozen text states."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from training.data.art import scene_of
from training.data.captions import caption, empty_caption
from training.fitting.muon import Pair
from training.fitting.workers import LOG, Clock, Saver, load_state, run_workers, save_state

from .text import tokenise

BATCH = 32
STEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012  # Stable Diffusion's "scaled linear" schedule
EMA = 0.999
DROP = 0.1  # captions that name nothing, for classifier-free guidance
PLAIN = 0.1  # captions that leave the background open


@dataclass(frozen=True)
class UnetConfig:
    """Settings of one UNet run."""

    state: Path
    minutes: float = 90.0
    workers: int = 1
    rate: float = 1.2e-3
    seed: int = 3
    scene_seed: int = 11


def build_unet() -> UNet2DConditionModel:
    """Stable Diffusion's UNet layout; no attention at 16 x 16, where it costs most."""
    model = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(64, 128, 160),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=4,
        norm_num_groups=16,
    )
    nn.init.zeros_(model.conv_out.weight)
    return model


def signal_and_noise(steps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors of picture and noise at each time step, shaped for latents."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, STEPS, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0)[steps].float().view(-1, 1, 1, 1)
    return kept.sqrt(), (1 - kept).sqrt()


class Captions:
    """Frozen text states of captions, computed once each."""

    def __init__(self, tokenizer: CLIPTokenizer, encoder: CLIPTextModel) -> None:
        self._tokenizer, self.encoder = tokenizer, encoder.eval()
        self._known: dict[str, torch.Tensor] = {}

    def states(self, texts: list[str]) -> torch.Tensor:
        """States of shape (batch, 77, width)."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new:
            with torch.no_grad():
                found = self.encoder(tokenise(self._tokenizer, new)).last_hidden_state
            self._known.update(zip(new, found.bfloat16(), strict=True))
        return torch.stack([self._known[text] for text in texts]).float()


def _text_for(rng: np.random.Generator, seed: int, index: int) -> str:
    if rng.random() < DROP:
        return empty_caption(rng)
    scene = scene_of(seed, index)
    colour = None if rng.random() < PLAIN else scene.colour
    return caption(rng, scene.subject, colour, small=scene.small)


def _time_steps(rng: np.random.Generator) -> torch.Tensor:
    """Evenly spread over the batch, denser at high noise, where layout and colour are decided."""
    spread = (rng.permutation(BATCH) + rng.random(BATCH)) / BATCH
    return torch.from_numpy((STEPS * spread**0.75).astype(np.int64)).clamp(max=STEPS - 1)


def _loss(
    model: UNet2DConditionModel, latents: torch.Tensor, states: torch.Tensor, steps: torch.Tensor
) -> torch.Tensor:
    """Error of the predicted velocity."""
    noise = torch.randn_like(latents)
    signal, hidden = signal_and_noise(steps)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(signal * latents + hidden * noise, steps, states).sample
    return functional.mse_loss(output.float(), signal * noise - hidden * latents)


def unet_rate(peak: float, progress: float, step: int) -> float:
    """Warm-up, flat, and a cosine to nearly zero over the last 40 %."""
    warm = min(1.0, (step + 1) / 100)
    if progress < 0.6:
        return peak * warm
    return peak * warm * (0.02 + 0.49 * (1 + math.cos(math.pi * (progress - 0.6) / 0.4)))


class Mailbox:
    """Hands gradients from a helper process to the leading one, without locks.

    One side writes only while the count is zero, the other reads only while it is not, so a
    helper that is starved of processor time never holds the leader up.
    """

    def __init__(self, model: nn.Module) -> None:
        self._slots = [torch.zeros_like(weight).share_memory_() for weight in model.parameters()]
        self._count = torch.zeros((), dtype=torch.int64).share_memory_()

    def post(self, model: nn.Module, batches: int) -> bool:
        """Hand over summed gradients of `batches`; False while the last post is unread."""
        if int(self._count):
            return False
        for slot, weight in zip(self._slots, model.parameters(), strict=True):
            if weight.grad is not None:
                slot.copy_(weight.grad)
        self._count.fill_(batches)
        return True

    def collect(self, model: nn.Module) -> int:
        """Average what was posted into the model's gradients; gives the number of batches."""
        batches = int(self._count)
        if batches:
            for slot, weight in zip(self._slots, model.parameters(), strict=True):
                if weight.grad is not None:
                    weight.grad.add_(slot).div_(1 + batches)
            self._count.zero_()
        return batches


@dataclass
class Job:
    """What the processes of one run share."""

    config: UnetConfig
    model: UNet2DConditionModel
    average: UNet2DConditionModel
    latents: torch.Tensor
    captions: Captions
    mailboxes: list[Mailbox]
    spent: float = 0.0
    step: int = 0
    samples: int = 0

    def backward(self, rng: np.random.Generator) -> float:
        """Add the gradients of one random batch; gives its loss."""
        picks = rng.integers(len(self.latents), size=BATCH)
        texts = [_text_for(rng, self.config.scene_seed, int(pick)) for pick in picks]
        loss = _loss(self.model, self.latents[picks], self.captions.states(texts), _time_steps(rng))
        loss.backward()
        return loss.item()


def _help(rank: int, job: Job) -> None:
    """A helper only computes gradients, on weights that the leader changes meanwhile."""
    torch.manual_seed(job.config.seed * 100_003 + rank + 7 * job.step)
    rng, batches = np.random.default_rng((job.config.seed, rank, job.step)), 0
    clock = Clock(job.config.minutes, job.spent)
    while clock.progress < 1:
        job.backward(rng)
        batches += 1
        if job.mailboxes[rank - 1].post(job.model, batches):
            batches = 0
            job.model.zero_grad()


def _lead(job: Job) -> None:
    """The leader updates the weights from its own gradients and those in the mailboxes."""
    config, model, step = job.config, job.model, job.step
    torch.manual_seed(config.seed * 100_003 + 7 * step)
    rng, optimiser = np.random.default_rng((config.seed, 0, step)), Pair(model, config.rate)
    own = config.state / "unet-optimiser.pt"
    if step and own.exists():
        optimiser.load_state_dict(load_state(own))
    clock, saver, seen, begun = Clock(config.minutes, job.spent), Saver(), 0.0, time.time()
    while clock.progress < 1:
        model.zero_grad()
        seen += job.backward(rng)
        job.samples += BATCH * (1 + sum(box.collect(model) for box in job.mailboxes))
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step(unet_rate(config.rate, clock.progress, step))
        step += 1
        _follow(job.average, model, min(EMA, (1 + step) / (10 + step)))
        if step % 50 == 0:
            LOG.info(
                "unet step %d samples %d loss %.4f %.2f s/step %.1f%%",
                step,
                job.samples,
                seen / 50,
                (time.time() - begun) / 50,
                100 * clock.progress,
            )
            seen, begun = 0.0, time.time()
        if saver.due(clock):
            save_state(own, optimiser.state_dict())
            save_state(
                config.state / "unet.pt",
                {
                    "model": model.state_dict(),
                    "average": job.average.state_dict(),
                    "step": step,
                    "samples": job.samples,
                    "spent": clock.elapsed,
                },
            )


def _worker(rank: int, job: Job) -> None:
    if rank:
        _help(rank, job)
    else:
        _lead(job)


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


def train_unet(config: UnetConfig, latents: torch.Tensor, captions: Captions) -> UNet2DConditionModel:
    """Train (or go on training) on scaled latents; gives the averaged weights."""
    torch.manual_seed(config.seed)
    model, average = build_unet(), build_unet()
    average.load_state_dict(model.state_dict())
    stored = load_state(config.state / "unet.pt")
    if stored:
        model.load_state_dict(stored["model"])
        average.load_state_dict(stored["average"])
    model.set_attn_processor(AttnProcessor())  # here twice as fast as the fused one on a CPU
    model.share_memory()
    average.requires_grad_(requires_grad=False).share_memory()
    boxes = [Mailbox(model) for _ in range(config.workers - 1)]
    run_workers(
        _worker,
        config.workers,
        Job(
            config,
            model,
            average,
            latents,
            captions,
            boxes,
            float(stored.get("spent", 0.0)),
            int(stored.get("step", 0)),
            int(stored.get("samples", 0)),
        ),
    )
    return average
