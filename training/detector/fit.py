# mypy: disable-error-code="no-untyped-call"
"""Training of the detector by ultralytics' own trainer, and the export of a clean file."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image

from training.data.art import to_array
from training.detector.library import yolo
from training.detector.scenes import (
    SIDE,
    Scene,
    Stock,
    compose,
    hard_stock,
    held_out_stock,
    label,
    training_stock,
    worn,
)
from training.fitting.workers import LOG

BASE = "yolov8n.yaml"  # of the library: the layout, narrowed below
WIDTH = 0.125  # half of the nano's
BOX_BINS = 8  # half of the usual: the largest box is then 14 strides of 32 pixels
SCENES = 1600  # of each stage
BATCH = 8
WORN, DECODED = 0.2, 0.25  # shares of blurred scenes, and of scenes seen through the autoencoder
SHOWN = 48  # scenes of the validation that the trainer makes at its end


@dataclass(frozen=True)
class Config:
    """Settings of one stage of training.

    `base` is the exported base checkpoint, whose autoencoder blurs some scenes; `start` the folder of an
    earlier stage, whose weights are taught on with fresh scenes that hold more of the round things.
    """

    state: Path
    emoji_data: Path
    base: Path
    minutes: float = 14.0
    seed: int = 31
    start: Path | None = None


def through(vae: AutoencoderKL, picture: Image.Image) -> Image.Image:
    """A picture as the base checkpoint's autoencoder gives it back."""
    with torch.inference_mode():
        latents = vae.encode(torch.from_numpy(to_array([picture]))).latent_dist.mean
        again: torch.Tensor = vae.decode(latents).sample[0]
    pixels = ((again.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0)
    return Image.fromarray(pixels.contiguous().numpy())


def write_scenes(folder: Path, scenes: list[Scene]) -> None:
    """Pictures and label files in the layout that ultralytics reads."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate(scenes):
        scene.picture.save(folder / "images" / f"{number:05d}.png")
        (folder / "labels" / f"{number:05d}.txt").write_text(label(scene), encoding="utf-8")


def write_dataset(folder: Path, train: str, val: str) -> Path:
    """The dataset's YAML file (JSON is YAML); `train` and `val` are folders inside `folder`."""
    path = folder / "dataset.yaml"
    content = {"path": str(folder.resolve()), "train": f"{train}/images", "val": f"{val}/images"}
    path.write_text(json.dumps({**content, "names": {"0": "face"}}, indent=1), encoding="utf-8")
    return path


def scenes_of(seed: int, count: int, stock: Stock) -> list[Scene]:
    """Scenes 0 to `count` of a seed, as drawn."""
    return [compose(np.random.default_rng((seed, number)), stock) for number in range(count)]


def _training_scenes(config: Config) -> list[Scene]:
    vae = AutoencoderKL.from_pretrained(str(config.base), subfolder="vae", torch_dtype=torch.float32)
    rng = np.random.default_rng(config.seed)
    scenes = []
    stock = (hard_stock if config.start else training_stock)(config.emoji_data)
    for scene in scenes_of(config.seed, SCENES, stock):
        draw, picture = rng.random(), scene.picture
        if draw < WORN:
            picture = worn(rng, picture)
        elif draw < WORN + DECODED:
            picture = through(vae, picture)
        scenes.append(Scene(picture, scene.boxes))
    return scenes


def _dataset(config: Config) -> Path:
    """The dataset, drawn on first use."""
    folder = config.state / "scenes"
    if not (folder / "dataset.yaml").exists():
        LOG.info("drawing %d scenes", SCENES)
        write_scenes(folder / "train", _training_scenes(config))
        write_scenes(folder / "val", scenes_of(config.seed + 1, SHOWN, held_out_stock()))
        write_dataset(folder, "train", "val")
    return folder / "dataset.yaml"


def _layout(state: Path) -> Path:
    """The nano's layout at half its width and for one class."""
    from ultralytics.nn.tasks import yaml_model_load

    layout: dict[str, Any] = yaml_model_load(BASE)
    depth, _, most = layout["scales"]["n"]
    narrow = {
        "nc": 1,
        "reg_max": BOX_BINS,
        "scales": {"n": [depth, WIDTH, most]},
        **{part: layout[part] for part in ("backbone", "head")},
    }
    path = state / "face.yaml"
    path.write_text(json.dumps(narrow), encoding="utf-8")
    return path


def _diary(path: Path) -> Callable[[Any], None]:
    """A callback for the ends of epochs that writes down epochs, updates and seconds over all starts."""
    begun = time.time()

    def note(trainer: Any) -> None:
        nonlocal begun
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"seconds": 0}
        seconds, begun = known["seconds"] + time.time() - begun, time.time()
        now = {"epochs": trainer.epoch + 1, "updates": trainer.ema.updates, "seconds": seconds}
        path.write_text(json.dumps(now), encoding="utf-8")
        LOG.info("face epoch %d of %d: %s", trainer.epoch + 1, trainer.epochs, trainer.tloss)

    return note


def train(config: Config) -> None:
    """Train, or go on from the last epoch's state, until the minutes are used up."""
    loader, done = yolo(config.state / "settings"), config.state / "finished"
    if done.exists():
        return
    data, begun = _dataset(config), weights_of(config.state).exists()
    begin_with = weights_of(config.start) if config.start else _layout(config.state)
    model = loader(str(weights_of(config.state) if begun else begin_with), task="detect")
    model.add_callback("on_train_epoch_end", _diary(config.state / "diary.json"))
    if begun:
        model.train(resume=True)
    else:
        _begin(model, config, data)
    done.touch()


def weights_of(state: Path) -> Path:
    """Where the library keeps the trained weights of a stage."""
    return state.resolve() / "runs" / "face" / "weights" / "last.pt"


def _begin(model: Any, config: Config, data: Path) -> None:
    model.train(
        data=str(data),
        project=str(config.state.resolve() / "runs"),
        name="face",
        exist_ok=True,
        time=config.minutes / 60,
        seed=config.seed,
        imgsz=SIDE,
        batch=BATCH,
        nbs=BATCH,  # an update after each batch
        optimizer="AdamW",
        lr0=1e-3 if config.start else 2e-3,
        warmup_epochs=0.5,
        degrees=8.0,
        scale=0.3,
        mosaic=0.0,
        device="cpu",
        workers=0,
        amp=False,
        plots=False,
        val=False,
    )


def export(state: Path, path: Path) -> None:
    """The averaged weights in half precision, without the paths and times of the training run."""
    yolo(state / "settings")
    from ultralytics.nn.tasks import load_checkpoint

    model, stored = load_checkpoint(weights_of(state))
    kept = {"task": "detect", "imgsz": SIDE}
    model.args, model.pt_path = kept, path.name
    model.yaml["yaml_file"] = "face.yaml"
    for weight in model.parameters():
        weight.requires_grad = False
    path.parent.mkdir(parents=True, exist_ok=True)
    licence = "AGPL-3.0 (https://ultralytics.com/license)"
    clean = {"model": model.half(), "train_args": kept, "epoch": -1, "version": stored["version"]}
    torch.save({**clean, "license": licence}, path)
