# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Stage 1: the two text encoders, taught what the UNet will read from them.

SDXL reads the last but one hidden states of both encoders and the pooled projection of the
second. So exactly these must name subject, background colour and size; the last layer of
the first encoder stays as it was initialised, because nothing reads it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from training.base.text import LENGTH, Heads, tokenise
from training.base.vae import learning_rate
from training.data.captions import caption, empty_caption
from training.data.subjects import COLOURS, SUBJECTS
from training.fitting.workers import LOG, Clock, Saver, load_state, save_state
from training.xl.prompts import ground_caption

BATCH = 64
AGREEMENT = 0.5  # weight of "paraphrases have equal states"
UNIT = 0.1  # weight of "states have unit power", as no last normalisation sees to it
LAYERS = 3
FIRST_WIDTH, SECOND_WIDTH = 96, 128


@dataclass(frozen=True)
class TextConfig:
    """Settings of the run; `minutes` count wall clock, `rate` is Adam's."""

    state: Path
    minutes: float = 3.0
    rate: float = 2e-3
    seed: int = 21


class Encoders(nn.Module):
    """Both encoders, read as `StableDiffusionXLPipeline` reads them."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.first = CLIPTextModel(_config(tokenizer, FIRST_WIDTH))
        self.second = CLIPTextModelWithProjection(_config(tokenizer, SECOND_WIDTH))

    def read(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """States of both and the pooled text, from token ids [batch, length] for each encoder.

        Shapes: [batch, length, FIRST_WIDTH], [batch, length, SECOND_WIDTH], [batch, SECOND_WIDTH].
        """
        one = self.first(first, output_hidden_states=True)
        two = self.second(second, output_hidden_states=True)
        return one.hidden_states[-2], two.hidden_states[-2], two.text_embeds


def _config(tokenizer: CLIPTokenizer, width: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        projection_dim=width,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _meaning(rng: np.random.Generator) -> tuple[list[int], list[str]]:
    """Subject, colour and size numbers (the last of each means "unsaid"), and two captions of it."""
    subject, colour = int(rng.integers(len(SUBJECTS))), int(rng.integers(len(COLOURS)))
    kind = rng.random()
    if kind < 0.06:
        return [len(SUBJECTS), len(COLOURS), 0], ["", empty_caption(rng)]
    if kind < 0.14:
        return [len(SUBJECTS), colour, 0], [ground_caption(rng, colour) for _ in range(2)]
    small, plain = bool(rng.random() < 0.2), bool(rng.random() < 0.15)
    target = [subject, len(COLOURS) if plain else colour, int(small)]
    return target, [caption(rng, subject, None if plain else colour, small=small) for _ in range(2)]


def _batch(rng: np.random.Generator) -> tuple[torch.Tensor, list[str]]:
    """Pairs of paraphrases, one after the other, with what they mean [BATCH, 3]."""
    targets: list[list[int]] = []
    texts: list[str] = []
    for _ in range(BATCH // 2):
        target, pair = _meaning(rng)
        targets += [target] * 2
        texts += pair
    return torch.tensor(targets), texts


def _spots(rng: np.random.Generator, ends: torch.Tensor, length: int) -> torch.Tensor:
    """The end token and three places after it, [batch, 4]."""
    free = length - 1 - ends[:, None]
    later = torch.from_numpy(rng.random((len(ends), 3))) * free
    return torch.cat([ends[:, None], ends[:, None] + later.round().long()], 1).clamp(max=length - 1)


class TextTraining(nn.Module):
    """The encoders with a readout on each thing that the UNet reads."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.encoders = Encoders(tokenizer)
        self.first, self.second, self.pooled = Heads(FIRST_WIDTH), Heads(SECOND_WIDTH), Heads(SECOND_WIDTH)
        self._tokenizer = tokenizer

    def loss(self, rng: np.random.Generator) -> tuple[torch.Tensor, float]:
        """Loss of one random batch, and the part of it that measures the naming."""
        targets, texts = _batch(rng)
        ids = tokenise(self._tokenizer, texts)
        length = LENGTH if rng.random() < 0.3 else 40  # shorter is faster; causal, so equal
        ends = (ids == self._tokenizer.eos_token_id).int().argmax(1)
        spots, rows = _spots(rng, ends, length), torch.arange(len(texts))[:, None]
        one, two, pooled = self.encoders.read(ids[:, :length], ids[:, :length])
        named = agreement = power = torch.zeros(())
        read = (
            (self.first, one[rows, spots]),
            (self.second, two[rows, spots]),
            (self.pooled, pooled[:, None]),
        )
        for head, told in read:
            named = named + head.loss(told, targets)
            agreement = agreement + functional.mse_loss(told[0::2], told[1::2])
            power = power + (told.square().mean() - 1).square()
        return named + AGREEMENT * agreement + UNIT * power, named.item()


def train_text(config: TextConfig, tokenizer: CLIPTokenizer) -> Encoders:
    """Train (or go on training) both encoders until their minutes are used up."""
    torch.manual_seed(config.seed)
    whole = TextTraining(tokenizer)
    stored = load_state(config.state / "text.pt")
    if stored:
        whole.load_state_dict(stored["model"])
    step, saver = int(stored.get("step", 0)), Saver()
    clock = Clock(config.minutes, float(stored.get("spent", 0.0)))
    rng = np.random.default_rng((config.seed, step))
    optimiser = torch.optim.AdamW(whole.parameters(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.01)
    while clock.progress < 1:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(config.rate, clock.progress, step)
        loss, named = whole.loss(rng)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(whole.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 50 == 0:
            LOG.info("xl text step %d named %.4f %.0f%%", step, named, 100 * clock.progress)
        if saver.due(clock):
            state = {"model": whole.state_dict(), "step": step, "spent": clock.elapsed}
            save_state(config.state / "text.pt", state)
    return whole.encoders.eval()


def trained_encoders(state: Path, tokenizer: CLIPTokenizer) -> Encoders:
    """The encoders as they stand in the state folder."""
    whole = TextTraining(tokenizer)
    whole.load_state_dict(load_state(state / "text.pt")["model"])
    return whole.encoders.eval()
