# mypy: disable-error-code="no-untyped-call"
"""Training of one upscaler, resumable."""

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from training.base.vae import learning_rate
from training.data.art import extra_emoji
from training.data.split import held_out_emoji
from training.fitting.muon import Pair
from training.fitting.workers import LOG, Clock, Saver, load_state, save_state
from training.upscaler.network import Compact
from training.upscaler.pictures import Job, batch

BATCH = 16
EMA = 0.995
RATE = 1e-3
SOFT = 1e-3  # of Charbonnier's loss, the square root of squared error plus this squared


@dataclass(frozen=True)
class Config:
    """Settings of one run; `start` is the state of another scale whose body is taken over."""

    path: Path
    emoji_data: Path
    scale: int
    patch: int  # side of the small patches, pixels
    minutes: float = 7.0
    seed: int = 21
    start: Path | None = None


def build(scale: int, start: Path | None = None) -> Compact:
    """A new network, on the body of a trained one if there is one."""
    model = Compact(scale)
    found = load_state(start).get("average", {}) if start else {}
    last = f"body.{len(model.body) - 1}."
    kept = {name: weight for name, weight in found.items() if not name.startswith(last)}
    model.load_state_dict(kept, strict=False)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def loss_of(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Charbonnier's loss: absolute error, rounded off near zero."""
    return ((output - target).square() + SOFT**2).sqrt().mean()


class Training:
    """The parts of one run: network, its running average, optimiser, data."""

    def __init__(self, config: Config) -> None:
        stored = load_state(config.path)
        self.config, self.model = config, build(config.scale, config.start)
        self.optimiser, self.average = Pair(self.model, RATE), copy.deepcopy(self.model)
        self.step = int(stored.get("step", 0))
        if stored:
            self.model.load_state_dict(stored["model"])
            self.average.load_state_dict(stored["average"])
            self.optimiser.load_state_dict(stored["optimiser"])
        self.rng = np.random.default_rng((config.seed, self.step))
        names = [name for name in extra_emoji(config.emoji_data) if not held_out_emoji(name)]
        self.job = Job(names, config.scale)
        self.clock = Clock(config.minutes, float(stored.get("spent", 0.0)))

    def update(self) -> float:
        """One step; gives its loss."""
        pair = batch(self.rng, self.job, self.config.patch, BATCH)
        small, large = (torch.from_numpy(one).to(memory_format=torch.channels_last) for one in pair)
        with torch.autocast("cpu", torch.bfloat16):
            output = self.model(small)
        loss = loss_of(output.float(), large)
        self.model.zero_grad()
        loss.backward()
        self.optimiser.step(learning_rate(RATE, self.clock.progress, self.step))
        self.step += 1
        with torch.no_grad():
            weight = 1 - min(EMA, self.step / (self.step + 20))
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), weight)
        return loss.item()

    def save(self) -> None:
        """Write everything that a later start needs."""
        weights = {"model": self.model.state_dict(), "average": self.average.state_dict()}
        kept = {"optimiser": self.optimiser.state_dict(), "step": self.step, "spent": self.clock.elapsed}
        save_state(self.config.path, {**weights, **kept})


def train(config: Config) -> None:
    """Train (or go on training) until the minutes are used up."""
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    run, saver = Training(config), Saver()
    seen, begun = 0.0, time.time()
    while run.clock.progress < 1:
        seen += run.update()
        if run.step % 200 == 0:
            pace = (time.time() - begun) / 200
            LOG.info("x%d step %d loss %.4f %.3f s/step", config.scale, run.step, seen / 200, pace)
            seen, begun = 0.0, time.time()
        if saver.due(run.clock):
            run.save()


def export(state: Path, scale: int, path: Path) -> None:
    """Write the averaged weights in half precision."""
    weights = {name: one.half().contiguous() for name, one in load_state(state)["average"].items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, {"format": "pt", "architecture": "SRVGGNetCompact", "scale": str(scale)})
    path.chmod(0o644)  # safetensors writes for the owner only
