# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""The preview decoder as a part of the family: stages, manifest entry, figures, card."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from PIL import Image

from training.base.part import base_folder
from training.data.art import SIZE
from training.family import Card, Entry, Facts, Figure, Part, Run
from training.fitting.workers import load_state
from training.tiny_decoder.data import (
    GUIDANCE,
    PROMPTS,
    SCENES,
    STEPS,
    STYLED,
    decoded,
    estimates,
    load_vae,
    prompts,
)
from training.tiny_decoder.train import BATCH, TinyConfig, build_tiny, train_tiny

NAME = "tiny-decoder"
MINUTES = 7.0
COUNT, SEED = 12, 9000  # prompts of the measurement, of pairs that no training showed
STAGES_SEEN = {"early (step 4 of 20)": 3, "half way (step 10)": 9, "final (step 20)": 19}
REPEATS = 60

Decode = Callable[[torch.Tensor], torch.Tensor]


def _config(run: Run) -> TinyConfig:
    return TinyConfig(run.folder(NAME), base_folder(run), run.minutes(f"{NAME}.train", MINUTES))


def folder_of(run: Run) -> Path:
    """Inside the checkpoint that it decodes for: that is where the engine looks."""
    return run.demo / ENTRY.path


def _export(run: Run) -> None:
    model = build_tiny()
    model.load_state_dict(load_state(run.folder(NAME) / "tiny.pt")["average"])
    model.half().save_pretrained(str(folder_of(run)), safe_serialization=True)


def _facts(run: Run) -> Facts:
    state, config = load_state(run.folder(NAME) / "tiny.pt"), _config(run)
    return {
        "optimiser": f"Muon for matrices, AdamW for the rest, rate {config.rate:g}, cosine, averaged weights",
        "steps": int(state["step"]),
        "samples": int(state["step"]) * BATCH,
        "latents": SCENES + 2 * STYLED + PROMPTS * STEPS // 2,
        "minutes": round(float(state["spent"]) / 60),
        "seed": config.seed,
    }


def load_tiny(folder: Path) -> AutoencoderTiny:
    """The shipped decoder in float32."""
    model: AutoencoderTiny = AutoencoderTiny.from_pretrained(str(folder), dtype=torch.float32)
    return model.eval()


def _linear(base: Path) -> Decode:
    """What previews are without a decoder: the fitted linear map, enlarged as the engine does it."""
    said = json.loads((base / "preview.json").read_text(encoding="utf-8"))
    factors, bias = torch.tensor(said["latent_rgb_factors"]), torch.tensor(said["bias"])

    def decode(latents: torch.Tensor) -> torch.Tensor:
        small = torch.einsum("bchw,cr->bhwr", latents, factors) + bias
        levels = ((small + 1) * 127.5).clamp(0, 255).round().byte().numpy()
        large = [Image.fromarray(one).resize((SIZE, SIZE), Image.Resampling.BICUBIC) for one in levels]
        stack = np.stack([np.asarray(one, np.float32) for one in large]).transpose(0, 3, 1, 2)
        return torch.from_numpy(stack) / 127.5 - 1

    return decode


def psnr(pictures: torch.Tensor, wanted: torch.Tensor) -> float:
    """Mean over pictures, in decibels; both are in [-1, 1]."""
    error = ((pictures.clamp(-1, 1) - wanted) / 2).square().mean((1, 2, 3)).clamp(min=1e-10)
    return float((-10 * error.log10()).mean())


def _milliseconds(decoders: dict[str, Decode], latent: torch.Tensor) -> dict[str, float]:
    """The fastest of many for each, by turns: what it costs when nothing else runs."""
    fastest = dict.fromkeys(decoders, float("inf"))
    for _ in range(REPEATS):
        for name, decode in decoders.items():
            begun = time.perf_counter()
            decode(latent)
            fastest[name] = min(fastest[name], 1000 * (time.perf_counter() - begun))
    return fastest


@torch.no_grad()
def _measure(run: Run) -> list[Figure]:
    torch.set_num_threads(1)
    base = base_folder(run)
    vae, tiny, linear = load_vae(base), load_tiny(folder_of(run)), _linear(base)
    seen = estimates(base, prompts(COUNT, SEED, unseen=True), SEED)
    figures = []
    for label, step in STAGES_SEEN.items():
        wanted = decoded(vae, seen[:, step])
        ours, usual = psnr(tiny.decode(seen[:, step]).sample, wanted), psnr(linear(seen[:, step]), wanted)
        figures.append(
            Figure(
                f"PSNR to the full decoder's picture, {COUNT} held-out prompts, {label}",
                ours,
                "dB",
                usual,
                "by linear factors",
                "at least 3 dB more",
                ours >= usual + 3,
            )
        )
    decoders: dict[str, Decode] = {
        "full": lambda latent: decoded(vae, latent),
        "tiny": lambda latent: tiny.decode(latent).sample,
        "linear": linear,
    }
    spent = _milliseconds(decoders, seen[:1, -1])
    label = f"One {SIZE} x {SIZE} preview on one core, fastest of {REPEATS}"
    return [
        *figures,
        Figure(
            label,
            spent["tiny"],
            "ms",
            spent["full"],
            "by the full decoder",
            "at most a quarter",
            spent["tiny"] <= spent["full"] / 4,
        ),
        Figure(f"{label}, by linear factors", spent["linear"], "ms"),
    ]


CARD = Card(
    title="Demo preview decoder",
    summary="""
A decoder of TAESD's layout (diffusers' AutoencoderTiny) for the latents of the demo emoji checkpoint:
a picture of 128 x 128 in a fifth of the full decoder's time, for previews. It lies inside
the checkpoint's folder, where the engine looks for one.
""",
    usage="""
`AutoencoderTiny.from_pretrained(folder).decode(latents).sample` with scaled latents, as the UNet
predicts them. The portal's engine uses it by itself; `preview_decoder/` works beside any
checkpoint in a folder, and in `<name>.config/` beside one in a single file.
""",
    data=f"""
The full decoder's pictures of {SCENES} scenes of Noto Color Emoji (Debian fonts-noto-color-emoji 2.042),
{STYLED} in each LoRA's style, and of the predicted pictures at every second step of {PROMPTS} guided
runs (guidance {GUIDANCE:g}). Code: `python -m training {NAME}`.
""",
    limits="""
For previews only: small features are softer than the full decoder's. The encoder is there because
the class wants one, and is poor.
""",
    tags=("preview", "taesd"),
)

ENTRY = Entry(
    name="Demo preview decoder",
    kind="preview_decoder",
    family="sd15",
    format="diffusers",
    path="base/preview_decoder",
    description="Fast decoder of TAESD's layout for previews of the demo emoji checkpoint",
)

STAGES = {"train": lambda run: train_tiny(_config(run)), "export": _export}

PARTS = (Part(NAME, ENTRY, STAGES, _facts, _measure, CARD),)
