"""The stages of both ControlNets: further pictures encoded, trained, exported."""

import numpy as np
import torch

from training.base.latents import scaling_factor
from training.base.part import SCENE_SEED, base_folder, scene_latents, trained_captions, trained_vae
from training.controlnet.control_images import Bytes, canny, random_strokes, scribble
from training.controlnet.fit import BATCH, ControlConfig, Pool, Preprocess, extra_latents, train_controlnet
from training.controlnet.network import build_controlnet, export, load_unet, start_from
from training.controlnet.scenes import EXTRA_SEED, Drawing, base_drawing, extra_of
from training.data.art import extra_emoji
from training.data.split import held_out_emoji
from training.data.subjects import DISTRACTORS, SUBJECTS
from training.family import Facts, Run
from training.fitting.workers import load_state

STATE = "controlnet"  # both share a state folder, and the pictures in it
EXTRA = 6144
CANNY_MINUTES, SCRIBBLE_MINUTES = 14.0, 8.0
CANNY_SEED, SCRIBBLE_SEED = 31, 32


def other_emoji(run: Run) -> list[str]:
    """Emoji that the base has no name for, without those kept for measuring."""
    known = {*(subject.emoji for subject in SUBJECTS), *DISTRACTORS}
    return [one for one in extra_emoji(run.emoji()) if one not in known and not held_out_emoji(one)]


def encode_extra(run: Run) -> None:
    """Encode the extra pictures once; about two minutes."""
    extra_latents(run.folder(STATE), trained_vae(run), EXTRA, other_emoji(run))


def pool(run: Run) -> Pool:
    """The base's scenes first, then the extra pictures."""
    own, others = scene_latents(run), other_emoji(run)
    extra = extra_latents(run.folder(STATE), trained_vae(run), EXTRA, others)

    def drawing(index: int) -> Drawing:
        return base_drawing(SCENE_SEED, index) if index < len(own) else extra_of(index - len(own), others)

    return Pool(torch.cat([own, extra]) * scaling_factor(own), drawing)


def random_canny(picture: Bytes, rng: np.random.Generator) -> Bytes:
    """Edges as users get them: usual and other thresholds, sometimes found at a higher resolution."""
    scale = int(rng.choice((1, 1, 1, 1, 2, 4)))
    if rng.random() < 0.4:
        return canny(picture, scale=scale)
    low = int(rng.integers(30, 160))
    return canny(picture, low, low + int(rng.integers(30, 140)), scale)


def random_scribble(picture: Bytes, rng: np.random.Generator) -> Bytes:
    """A scribble by a random hand."""
    return scribble(picture, random_strokes(rng), rng)


def _average(run: Run, name: str) -> dict[str, torch.Tensor]:
    average: dict[str, torch.Tensor] = load_state(run.folder(STATE) / f"{name}.pt")["average"]
    return average


def _train(run: Run, config: ControlConfig, preprocess: Preprocess) -> None:
    torch.manual_seed(config.seed)
    unet = load_unet(base_folder(run))
    model = start_from(unet)
    if config.name == "scribble":
        model.load_state_dict(_average(run, "canny"))
    train_controlnet(config, model, unet, pool(run), trained_captions(run)[1], preprocess)


def train_canny(run: Run) -> None:
    """Train on Canny edges."""
    minutes = run.minutes("controlnet-canny.train", CANNY_MINUTES)
    _train(run, ControlConfig(run.folder(STATE), "canny", minutes, seed=CANNY_SEED), random_canny)


def train_scribble(run: Run) -> None:
    """Train on scribbles, from the weights of the canny net."""
    minutes = run.minutes("controlnet-scribble.train", SCRIBBLE_MINUTES)
    config = ControlConfig(run.folder(STATE), "scribble", minutes, 1e-3, SCRIBBLE_SEED)
    _train(run, config, random_scribble)


def export_net(run: Run, name: str) -> None:
    """Write the folder that ships."""
    model = build_controlnet()
    model.load_state_dict(_average(run, name))
    export(model, run.demo / f"controlnet-{name}")


def facts(run: Run, name: str) -> Facts:
    """How the exported weights were trained."""
    stored = load_state(run.folder(STATE) / f"{name}.pt")
    start, seed = "the base's UNet encoder", CANNY_SEED
    if name == "scribble":
        start, seed = "controlnet-canny", SCRIBBLE_SEED
    return {
        "optimiser": "Muon for matrices, AdamW for the rest",
        "started from": start,
        "steps": int(stored.get("step", 0)),
        "samples": BATCH * int(stored.get("step", 0)),
        "minutes": round(float(stored.get("spent", 0)) / 60),
        "seeds": f"scenes {SCENE_SEED} and {EXTRA_SEED}, training {seed}",
    }
