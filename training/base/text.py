# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Stage 2: the text encoder, taught to say what a caption asks for.

Trained first and then frozen: each position after the caption must name the subject, the
background colour and the size, and captions of one meaning must agree. The UNet then meets
clean conditions from its first step, instead of learning language from noisy pictures.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.data.captions import caption, empty_caption
from training.data.subjects import COLOURS, SUBJECTS
from training.fitting.workers import LOG, Clock, Saver, load_state, save_state

from .vae import learning_rate

LENGTH = 77
BATCH = 64
AGREEMENT = 0.5  # weight of "paraphrases have equal states"


@dataclass(frozen=True)
class TextConfig:
    """Settings of the text encoder run."""

    state: Path
    minutes: float = 3.0
    rate: float = 2e-3
    seed: int = 2


class Heads(nn.Module):
    """Linear readouts of subject, colour and size; the last class of each means "unsaid"."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            nn.Linear(width, count) for count in (len(SUBJECTS) + 1, len(COLOURS) + 1, 2)
        )

    def loss(self, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Summed cross-entropy; `states` is (batch, positions, width), targets (batch, 3)."""
        total = states.new_zeros(())
        for part, target in zip(self.parts, targets.T, strict=True):
            scores = part(states).flatten(0, 1)
            total = total + functional.cross_entropy(scores, target.repeat_interleave(states.shape[1]))
        return total


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """The CLIP text model layout: 2 layers, width 128, the usual 77 positions."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=512,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            projection_dim=128,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def tokenise(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """Token ids padded to 77 positions, as the pipelines pad them."""
    ids: torch.Tensor = tokenizer(
        texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
    ).input_ids
    return ids


def _targets_and_captions(rng: np.random.Generator) -> tuple[list[list[int]], list[str]]:
    """Pairs of paraphrases, one after the other, with what they mean."""
    targets, texts = [], []
    for _ in range(BATCH // 2):
        subject, colour = int(rng.integers(len(SUBJECTS))), int(rng.integers(len(COLOURS)))
        small, plain = bool(rng.random() < 0.2), bool(rng.random() < 0.15)
        if rng.random() < 0.06:
            targets += [[len(SUBJECTS), len(COLOURS), 0]] * 2
            texts += ["", empty_caption(rng)]
            continue
        targets += [[subject, len(COLOURS) if plain else colour, int(small)]] * 2
        texts += [caption(rng, subject, None if plain else colour, small=small) for _ in range(2)]
    return targets, texts


def _step(
    model: CLIPTextModel, heads: Heads, tokenizer: CLIPTokenizer, rng: np.random.Generator
) -> tuple[torch.Tensor, float]:
    targets, texts = _targets_and_captions(rng)
    ids = tokenise(tokenizer, texts)
    length = LENGTH if rng.random() < 0.3 else 40  # shorter is faster; causal, so equal
    states = model(ids[:, :length]).last_hidden_state
    ends = (ids == tokenizer.eos_token_id).float().argmax(1)
    spots = torch.from_numpy(rng.random((len(texts), 3))) * (length - 1 - ends[:, None])
    spots = torch.cat([ends[:, None], ends[:, None] + spots.round().long()], 1).clamp(max=length - 1)
    told = states[torch.arange(len(texts))[:, None], spots]
    named = heads.loss(told, torch.tensor(targets))
    agreement = functional.mse_loss(told[0::2], told[1::2])
    return named + AGREEMENT * agreement, named.item()


def train_text(config: TextConfig, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Train (or go on training) the text encoder until its minutes are used up."""
    torch.manual_seed(config.seed)
    model = build_text_encoder(tokenizer)
    heads = Heads(128)
    stored = load_state(config.state / "text.pt")
    if stored:
        model.load_state_dict(stored["model"])
        heads.load_state_dict(stored["heads"])
    step, clock, saver = int(stored.get("step", 0)), Clock(config.minutes), Saver()
    clock.spent = float(stored.get("spent", 0.0))
    rng = np.random.default_rng((config.seed, step))
    optimiser = torch.optim.AdamW(
        [*model.parameters(), *heads.parameters()], lr=config.rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    while clock.progress < 1:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(config.rate, clock.progress, step)
        loss, named = _step(model, heads, tokenizer, rng)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 50 == 0:
            LOG.info("text step %d named %.4f %.0f%%", step, named, 100 * clock.progress)
        if saver.due(clock):
            save_state(
                config.state / "text.pt",
                {
                    "model": model.state_dict(),
                    "heads": heads.state_dict(),
                    "step": step,
                    "spent": clock.elapsed,
                },
            )
    return model.eval()
