# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""What the tiny decoder learns from: latents as previews meet them, and the full decoder's pictures."""

from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

from training.base.latents import encode, scale_of
from training.data.art import draw_scene, scene_of, to_array
from training.data.captions import caption
from training.data.subjects import COLOURS, SUBJECTS, held_out
from training.fitting.workers import LOG, load_state, save_state
from training.lora.styles import STYLES
from training.lora.train import load_captions, load_unet

SCENE_SEED = 41
SCENES, STYLED, PROMPTS = 448, 64, 48
STEPS, GUIDANCE = 20, 5.0
AT_ONCE = 12


def load_vae(base: Path) -> AutoencoderKL:
    """The exported autoencoder in float32."""
    vae: AutoencoderKL = AutoencoderKL.from_pretrained(str(base / "vae"), dtype=torch.float32)
    return vae.eval()


def prompts(count: int, seed: int, *, unseen: bool = False) -> list[str]:
    """Random captions; subject and colour pairs are those of training, or (`unseen`) the held-out ones."""
    rng = np.random.default_rng(seed)
    found: list[str] = []
    while len(found) < count:
        subject, colour = int(rng.integers(len(SUBJECTS))), int(rng.integers(len(COLOURS)))
        if held_out(subject, colour) == unseen:
            found.append(caption(rng, subject, colour, small=False))
    return found


def estimates(base: Path, texts: list[str], seed: int) -> torch.Tensor:
    """Predicted clean latents [prompts, STEPS, 4, 16, 16] at every step of a guided Euler run."""
    unet, captions, found = load_unet(base), load_captions(base), []
    for start in range(0, len(texts), AT_ONCE):
        part = texts[start : start + AT_ONCE]
        states = captions.states([*[""] * len(part), *part])
        scheduler = EulerDiscreteScheduler.from_pretrained(str(base / "scheduler"))
        scheduler.set_timesteps(STEPS)
        generator = torch.Generator().manual_seed(seed + start)
        latents = torch.randn(len(part), 4, 16, 16, generator=generator) * scheduler.init_noise_sigma
        seen = []
        for step in scheduler.timesteps:
            inputs = scheduler.scale_model_input(torch.cat([latents, latents]), step)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                plain, asked = unet(inputs, step, states).sample.float().chunk(2)
            moved = scheduler.step(plain + GUIDANCE * (asked - plain), step, latents)
            latents = moved.prev_sample
            seen.append(moved.pred_original_sample)
        found.append(torch.stack(seen, 1))
    return torch.cat(found)


def _latents(base: Path, vae: AutoencoderKL) -> torch.Tensor:
    scenes = [scene_of(SCENE_SEED, at) for at in range(SCENES)]
    drawn = [draw_scene(scene) for scene in scenes]
    for style in STYLES.values():  # a preview must also show what a LoRA does
        drawn += [style.draw(scene) for scene in scenes[:STYLED]]
    pieces = [encode(vae, to_array(drawn[at : at + 32])) for at in range(0, len(drawn), 32)]
    exact = torch.cat(pieces) * scale_of(vae)
    LOG.info("tiny decoder: %d pictures encoded", len(exact))
    on_the_way = estimates(base, prompts(PROMPTS, SCENE_SEED), SCENE_SEED)[:, ::2]
    return torch.cat([exact, on_the_way.flatten(0, 1)])


def decoded(vae: AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    """Pictures [n, 3, 128, 128] in [-1, 1] that the full decoder makes of scaled latents."""
    with torch.no_grad():
        parts = [vae.decode(part / scale_of(vae)).sample.clamp(-1, 1) for part in latents.split(8)]
    return torch.cat(parts)


def lessons(state: Path, base: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled latents [n, 4, 16, 16] and the full decoder's pictures as bytes [n, 3, 128, 128]; made once."""
    path = state / "lessons.pt"
    stored = load_state(path)
    if not stored:
        vae = load_vae(base)
        latents = _latents(base, vae)
        pictures = [((decoded(vae, part) + 1) * 127.5).round().byte() for part in latents.split(64)]
        stored = {"latents": latents.half(), "pictures": torch.cat(pictures)}
        save_state(path, stored)
        LOG.info("tiny decoder: %d latents decoded", len(latents))
    return stored["latents"].float(), stored["pictures"]
