# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Stage 3: the denoising UNet of SDXL layout, on cached latents and frozen text."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from torch.nn import functional
from transformers import CLIPTokenizer

from training.base.text import LENGTH, tokenise
from training.base.unet import BATCH, EMA, STEPS, signal_and_noise, unet_rate
from training.data.art import scene_of
from training.fitting.muon import Pair
from training.fitting.workers import LOG, Clock, Saver, load_state, save_state
from training.xl.micro import Ids, micro_scene, whole_ids
from training.xl.prompts import Prompts, prompts_for
from training.xl.text import FIRST_WIDTH, SECOND_WIDTH, Encoders

MICRO_SHARE = 0.1  # of the batch: cropped or blurred pictures
IDS_WIDTH = 32  # of the sinusoids of each of the six numbers
Text = tuple[str, str]  # for the first and the second encoder
Read = tuple[torch.Tensor, torch.Tensor]  # states [77, 224] and pooled text [128]
KNOWN = 20_000  # captions kept in memory, 34 KB each


@dataclass(frozen=True)
class UnetConfig:
    """Settings of the run; `minutes` count wall clock, `rate` is Muon's and Adam's."""

    state: Path
    minutes: float = 64.0
    rate: float = 1.2e-3
    seed: int = 23
    scene_seed: int = 11
    micro_seed: int = 14


def build_unet() -> UNet2DConditionModel:
    """SDXL's layout at a small size: no attention at the top, deeper transformers at the bottom."""
    model = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(64, 96, 96),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 2),
        cross_attention_dim=FIRST_WIDTH + SECOND_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=IDS_WIDTH,
        projection_class_embeddings_input_dim=SECOND_WIDTH + 6 * IDS_WIDTH,
    )
    nn.init.zeros_(model.conv_out.weight)
    return model


@dataclass(frozen=True)
class Condition:
    """What the UNet is told: states [batch, 77, 224], pooled [batch, 128], six numbers [batch, 6]."""

    states: torch.Tensor
    pooled: torch.Tensor
    ids: torch.Tensor


class Reader:
    """Frozen text of captions, remembered for the latest `KNOWN` of them."""

    def __init__(self, tokenizer: CLIPTokenizer, encoders: Encoders) -> None:
        self._tokenizer, self._encoders = tokenizer, encoders.eval()
        self._known: dict[Text, Read] = {}

    def read(self, prompts: list[Prompts]) -> tuple[torch.Tensor, torch.Tensor]:
        """States and pooled text of a batch; zeros for the silent ones."""
        told = list(dict.fromkeys((one.first, one.second) for one in prompts if not one.silent))
        kept = {text: self._known[text] for text in told if text in self._known}
        new = [text for text in told if text not in kept]
        if new:
            kept.update(zip(new, self._encode(new), strict=True))
        self._remember(new, kept)
        nothing = (
            torch.zeros(LENGTH, FIRST_WIDTH + SECOND_WIDTH, dtype=torch.bfloat16),
            torch.zeros(SECOND_WIDTH, dtype=torch.bfloat16),
        )
        rows = [nothing if one.silent else kept[one.first, one.second] for one in prompts]
        states, pooled = zip(*rows, strict=True)
        return torch.stack(states).float(), torch.stack(pooled).float()

    def _encode(self, texts: list[Text]) -> list[Read]:
        first, second = (tokenise(self._tokenizer, list(part)) for part in zip(*texts, strict=True))
        with torch.no_grad():
            one, two, pooled = self._encoders.read(first, second)
        return list(zip(torch.cat([one, two], -1).bfloat16(), pooled.bfloat16(), strict=True))

    def _remember(self, texts: list[Text], kept: dict[Text, Read]) -> None:
        for text in texts:
            if len(self._known) >= KNOWN:
                del self._known[next(iter(self._known))]
            states, pooled = kept[text]
            self._known[text] = states.clone(), pooled.clone()  # as a view it would keep the whole batch


@dataclass
class Material:
    """What the UNet learns from: scaled latents of whole and of cropped or blurred scenes."""

    whole: torch.Tensor
    micro: torch.Tensor
    reader: Reader

    def draw(self, config: UnetConfig, rng: np.random.Generator) -> tuple[torch.Tensor, Condition]:
        """A random batch: latents [BATCH, 4, 16, 16] and what the UNet is told of them."""
        latents: list[torch.Tensor] = []
        prompts: list[Prompts] = []
        ids: list[Ids] = []
        for _ in range(BATCH):
            special = rng.random() < MICRO_SHARE
            pick = int(rng.integers(len(self.micro if special else self.whole)))
            micro = micro_scene(config.micro_seed, pick) if special else None
            scene = micro.scene if micro else scene_of(config.scene_seed, pick)
            latents.append((self.micro if special else self.whole)[pick])
            prompts.append(prompts_for(rng, scene))
            ids.append(micro.ids if micro else whole_ids(rng))
        return torch.stack(latents), Condition(*self.reader.read(prompts), torch.tensor(ids))


def _time_steps(rng: np.random.Generator) -> torch.Tensor:
    """Evenly spread over the batch, denser at high noise, where layout and colour are decided."""
    spread = (rng.permutation(BATCH) + rng.random(BATCH)) / BATCH
    return torch.from_numpy((STEPS * spread**0.75).astype(np.int64)).clamp(max=STEPS - 1)


def _loss(
    model: UNet2DConditionModel, latents: torch.Tensor, told: Condition, steps: torch.Tensor
) -> torch.Tensor:
    """Error of the predicted velocity."""
    noise = torch.randn_like(latents)
    signal, hidden = signal_and_noise(steps)
    added = {"text_embeds": told.pooled, "time_ids": told.ids}
    with torch.autocast("cpu", torch.bfloat16):
        output = model(signal * latents + hidden * noise, steps, told.states, added_cond_kwargs=added).sample
    return functional.mse_loss(output.float(), signal * noise - hidden * latents)


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


def _restored(config: UnetConfig) -> tuple[UNet2DConditionModel, UNet2DConditionModel, Pair, int, float]:
    """Model, its average, optimiser, steps and seconds so far."""
    model, average = build_unet(), build_unet()
    average.load_state_dict(model.state_dict())
    optimiser, stored = Pair(model, config.rate), load_state(config.state / "unet.pt")
    if stored:
        model.load_state_dict(stored["model"])
        average.load_state_dict(stored["average"])
        optimiser.load_state_dict(stored["optimiser"])
    model.set_attn_processor(AttnProcessor())  # here twice as fast as the fused one on a CPU
    average.requires_grad_(requires_grad=False)
    return model, average, optimiser, int(stored.get("step", 0)), float(stored.get("spent", 0.0))


def train_unet(config: UnetConfig, material: Material) -> UNet2DConditionModel:
    """Train (or go on training) in one thread; gives the averaged weights."""
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    model, average, optimiser, step, spent = _restored(config)
    torch.manual_seed(config.seed * 100_003 + 7 * step)
    rng = np.random.default_rng((config.seed, step))
    clock, saver, seen, begun = Clock(config.minutes, spent), Saver(), 0.0, time.time()
    while clock.progress < 1:
        latents, told = material.draw(config, rng)
        loss = _loss(model, latents, told, _time_steps(rng))
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step(unet_rate(config.rate, clock.progress, step))
        step, seen = step + 1, seen + loss.item()
        _follow(average, model, min(EMA, (1 + step) / (10 + step)))
        if step % 50 == 0:
            pace, done = (time.time() - begun) / 50, 100 * clock.progress
            LOG.info("xl unet step %d loss %.4f %.2f s/step %.1f%%", step, seen / 50, pace, done)
            seen, begun = 0.0, time.time()
        if saver.due(clock):
            weights = {"model": model.state_dict(), "average": average.state_dict()}
            counted = {"step": step, "samples": step * BATCH, "spent": clock.elapsed}
            save_state(config.state / "unet.pt", {**weights, "optimiser": optimiser.state_dict(), **counted})
    return average
