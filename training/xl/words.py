# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and transformers publish only part of their types.
"""Stage 2: both text encoders learn further words, and that they change nothing.

As for the base (`training.base.words`): copies of the encoders with the larger vocabulary are
taught by the frozen originals that whatever else stands in a prompt, what the UNet reads is
what the plain caption gives. The UNet learns from the originals, and never sees a difference.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import CLIPTokenizer

from training.base.text import tokenise
from training.base.words import Lesson, Tails, WordsConfig, study
from training.data.art import random_scene
from training.xl.prompts import prompts_for
from training.xl.text import Encoders

BATCH = 40
POOLED = 0.3  # weight of the pooled text beside the states
WIDE = "embeddings.token_embedding.weight"


def _lesson(rng: np.random.Generator, tails: Tails) -> Lesson:
    lesson = Lesson([], [], [])
    for _ in range(BATCH):
        prompts, kind, tail = prompts_for(rng, random_scene(rng)), rng.random(), tails.draw(rng)
        core = prompts.second if rng.random() < 0.5 else prompts.first
        if kind < 0.2:
            text = core
        elif kind < 0.8:
            text = f"{core}, {tail}" if core else tail
        else:  # words in front move the caption: only from its end on the states can be the plain ones
            text = f"{tail[:60].rsplit(',', 1)[0]}, {core}"
        lesson.texts.append(text)
        lesson.plain.append(core)
        lesson.aligned.append(kind < 0.8)
    return lesson


@dataclass
class School:
    """The frozen teachers and their pupils, each pair with its own tokens."""

    teachers: Encoders
    teacher_tokens: CLIPTokenizer
    pupils: Encoders
    tokens: CLIPTokenizer

    def loss(self, lesson: Lesson) -> torch.Tensor:
        """Mean squared difference of the states that must agree, and of the pooled text."""
        plain, ids = tokenise(self.teacher_tokens, lesson.plain), tokenise(self.tokens, lesson.texts)
        with torch.no_grad():
            *wanted, wanted_pooled = self.teachers.read(plain, plain)
        *told, pooled = self.pupils.read(ids, ids)
        counted = lesson.counted(ids, self.tokens.eos_token_id)
        total = POOLED * functional.mse_loss(pooled, wanted_pooled)
        for state, target in zip(told, wanted, strict=True):
            total = total + ((state - target).square().mean(-1) * counted).sum() / counted.sum()
        return total


def widened(teachers: Encoders, teacher_tokens: CLIPTokenizer, tokens: CLIPTokenizer) -> Encoders:
    """The teachers with rows for the new tokens; each begins as the mean of the pieces it is made of."""
    pupils, known = Encoders(tokens), teacher_tokens.get_vocab()
    pieces: dict[int, list[int]] = {}
    for token, index in tokens.get_vocab().items():
        text = tokens.convert_tokens_to_string([token])
        read = teacher_tokens(text, add_special_tokens=False).input_ids or [known["<|endoftext|>"]]
        pieces[index] = [known[token]] if token in known else read
    state: dict[str, Any] = teachers.state_dict()
    for name in [name for name in state if name.endswith(WIDE)]:
        rows = state[name]
        state[name] = torch.stack([rows[pieces[index]].mean(0) for index in range(len(tokens))])
    pupils.load_state_dict(state)
    return pupils


def train_words(config: WordsConfig, school: School) -> Encoders:
    """Teach the pupils until the minutes are used up; writes `words.pt`."""
    torch.set_num_threads(1)
    tails = Tails(config.emoji_data)
    study(config, school.pupils, lambda rng: school.loss(_lesson(rng, tails)))
    return school.pupils.eval()
