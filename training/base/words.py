# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and transformers publish only part of their types.
"""Stage 3: the text encoder learns further words, and that they change nothing.

People write more than a subject and a colour: "masterpiece, soft morning light", and the prompt enhancer
adds whole phrases. To an encoder that has never met them they look like anything, and the background comes
out wrong. Here a copy of the encoder, with a larger vocabulary, is taught by the frozen original: whatever
else stands in the prompt, its states are those of the plain caption, position by position. The UNet needs
no further training.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from generation.engine.enhancer.vocabulary import SUBJECT_DETAILS, THEMES
from training.base.text import LENGTH, build_text_encoder, tokenise
from training.base.tokenizer import build_tokenizer, read_merges
from training.base.vae import learning_rate
from training.data.captions import caption, empty_caption
from training.data.subjects import COLOURS, SUBJECTS
from training.fitting.workers import LOG, Clock, Saver, load_state, save_state

BATCH = 48
FURTHER_MERGES = 3400  # in all; enough for every word of the enhancer to be one token
QUALITY = (
    "masterpiece",
    "best quality",
    "ultra detailed",
    "8k",
    "highres",
    "trending on artstation",
    "unreal engine",
    "cute style",
    "professional",
    "beautiful",
    "шедевр",
    "найкраща якість",
    "дуже гарно",
    "4K",
)


@dataclass(frozen=True)
class WordsConfig:
    """Settings of one run; `minutes` count wall clock, `rate` and `decay` are AdamW's."""

    state: Path
    emoji_data: Path
    minutes: float = 6.0
    rate: float = 1e-3
    seed: int = 6
    decay: float = 0.01


def enhancer_phrases() -> list[str]:
    """Everything that the prompt enhancer can add, in both languages."""
    pools = [*SUBJECT_DETAILS.values(), *(pool for theme in THEMES.values() for pool in theme.values())]
    return [text for pool in pools for phrase in pool for text in (phrase.en, phrase.uk)]


def other_words(emoji_data: Path) -> list[str]:
    """Names and tags of emoji, in both languages, that name neither a subject nor a colour of the model."""
    taken = {word for one in SUBJECTS for name in (*one.en, *one.uk) for word in name.split()}
    taken |= {word for one in COLOURS for name in (*one.en, *one.uk) for word in name.split()}
    found: set[str] = set()
    for language in ("en", "uk"):
        path = emoji_data.parents[1] / language / "data.json"
        for entry in json.loads(path.read_text(encoding="utf-8")):
            found.update(text for text in (entry["label"], *entry.get("tags", ())) if len(text) < 40)
    return sorted(text for text in found if not taken & set(text.lower().split()))


class Tails:
    """Draws what people write around a caption."""

    def __init__(self, emoji_data: Path) -> None:
        self._phrases, self._others = enhancer_phrases(), other_words(emoji_data)

    def draw(self, rng: np.random.Generator) -> str:
        """One to eight phrases, joined by commas."""
        count = int(rng.integers(1, 9))
        return ", ".join(self._one(rng) for _ in range(count))

    def _one(self, rng: np.random.Generator) -> str:
        kind = rng.random()
        pool: Sequence[str] = self._phrases if kind < 0.6 else QUALITY if kind < 0.75 else self._others
        return pool[int(rng.integers(len(pool)))]


@dataclass
class Lesson:
    """One batch: what the pupil reads, the plain captions, and whether all positions must agree.

    Words in front move the caption; then only from its end on the states can be the plain ones.
    """

    texts: list[str]
    plain: list[str]
    aligned: list[bool]

    def counted(self, ids: torch.Tensor, end: int) -> torch.Tensor:
        """1.0 where the states must agree, else 0.0, [batch, LENGTH]; `end` is the end token's id."""
        ends = (ids == end).int().argmax(1)
        starts = torch.where(torch.tensor(self.aligned), 0, ends)
        return (torch.arange(LENGTH)[None] >= starts[:, None]).float()


def _lesson(rng: np.random.Generator, tails: Tails) -> Lesson:
    lesson = Lesson([], [], [])
    for _ in range(BATCH):
        kind = rng.random()
        core = _core(rng) if kind < 0.9 else ""
        tail = tails.draw(rng)
        if kind < 0.2:
            text = core
        elif kind < 0.75:
            text = f"{core}, {tail}"
        elif kind < 0.9:
            text = f"{tails.draw(rng)[:60].rsplit(',', 1)[0]}, {core}"
        else:
            text = tail
        lesson.texts.append(text)
        lesson.plain.append(core)
        lesson.aligned.append(kind < 0.75 or kind >= 0.9)
    return lesson


def _core(rng: np.random.Generator) -> str:
    if rng.random() < 0.08:
        return empty_caption(rng)
    subject, colour = int(rng.integers(len(SUBJECTS))), int(rng.integers(len(COLOURS)))
    plain, small = bool(rng.random() < 0.15), bool(rng.random() < 0.15)
    return caption(rng, subject, None if plain else colour, small=small)


@dataclass
class Pair:
    """The frozen teacher and the pupil, each with its own tokens."""

    teacher: CLIPTextModel
    teacher_tokens: CLIPTokenizer
    pupil: CLIPTextModel
    tokens: CLIPTokenizer

    def loss(self, lesson: Lesson) -> torch.Tensor:
        """Mean squared difference of the states at the positions that must agree."""
        with torch.no_grad():
            wanted = self.teacher(tokenise(self.teacher_tokens, lesson.plain)).last_hidden_state
        ids = tokenise(self.tokens, lesson.texts)
        told = self.pupil(ids).last_hidden_state
        counted = lesson.counted(ids, self.tokens.eos_token_id)[..., None]
        error = functional.mse_loss(told, wanted, reduction="none") * counted
        return error.sum() / (counted.sum() * told.shape[-1])


def _widened(teacher: CLIPTextModel, teacher_tokens: CLIPTokenizer, tokens: CLIPTokenizer) -> CLIPTextModel:
    """The teacher with rows for the new tokens; each begins as the mean of the pieces it is made of."""
    pupil = build_text_encoder(tokens)
    state = teacher.state_dict()
    name = next(key for key in state if key.endswith("token_embedding.weight"))
    known, rows = teacher_tokens.get_vocab(), state[name]
    wide = torch.empty(len(tokens), rows.shape[1])
    for token, index in tokens.get_vocab().items():
        pieces = [known[token]] if token in known else _pieces(teacher_tokens, token)
        wide[index] = rows[pieces].mean(0)
    pupil.load_state_dict({**state, name: wide})
    return pupil


def _pieces(tokens: CLIPTokenizer, token: str) -> list[int]:
    """Ids of the single bytes that a token is written with, the last one word-final."""
    known, stem = tokens.get_vocab(), token.removesuffix("</w>")
    last = stem[-1] + "</w>" if token.endswith("</w>") else stem[-1]
    return [known[symbol] for symbol in (*stem[:-1], last)]


def words_tokenizer(state: Path, emoji_data: Path) -> CLIPTokenizer:
    """The first vocabulary, followed by the words of the enhancer and the most common other ones."""
    folder = state / "words-tokenizer"
    if (folder / "vocab.json").exists():  # learning it takes a minute, and a resumed run needs the same
        known: CLIPTokenizer = CLIPTokenizer.from_pretrained(str(folder))
        return known
    texts = [*enhancer_phrases() * 50, *QUALITY * 50, *other_words(emoji_data)]
    return build_tokenizer(folder, texts, FURTHER_MERGES, known=read_merges(state / "tokenizer"))


def study(
    config: WordsConfig, pupil: nn.Module, loss_of: Callable[[np.random.Generator], torch.Tensor]
) -> None:
    """Train a pupil (or go on training it) until the minutes are used up; writes `words.pt`.

    `loss_of` draws a lesson and gives the pupil's loss on it.
    """
    torch.manual_seed(config.seed)
    path = config.state / "words.pt"
    stored = load_state(path)
    if stored:
        pupil.load_state_dict(stored["model"])
    step, saver = int(stored.get("step", 0)), Saver()
    clock = Clock(config.minutes, float(stored.get("spent", 0.0)))
    rng = np.random.default_rng((config.seed, step))
    optimiser = torch.optim.AdamW(
        pupil.parameters(), lr=config.rate, betas=(0.9, 0.98), weight_decay=config.decay
    )
    while clock.progress < 1:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(config.rate, clock.progress, step)
        loss = loss_of(rng)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 50 == 0:
            LOG.info("words step %d loss %.5f %.0f%%", step, loss.item(), 100 * clock.progress)
        if saver.due(clock):
            save_state(path, {"model": pupil.state_dict(), "step": step, "spent": clock.elapsed})


def train_words(config: WordsConfig, teacher: CLIPTextModel, teacher_tokens: CLIPTokenizer) -> None:
    """Teach the wider encoder until the minutes are used up; writes `words.pt`."""
    torch.set_num_threads(1)
    tokens = words_tokenizer(config.state, config.emoji_data)
    pair = Pair(teacher.eval(), teacher_tokens, _widened(teacher, teacher_tokens, tokens), tokens)
    tails = Tails(config.emoji_data)
    study(config, pair.pupil, lambda rng: pair.loss(_lesson(rng, tails)))
