"""Scores of the exported detector, loaded by plain `YOLO(path)`: drawn scenes and generated pictures."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from training.base.evaluate import draw, load
from training.data.captions import caption
from training.data.subjects import COLOURS, SUBJECTS
from training.detector.fit import scenes_of, write_dataset, write_scenes
from training.detector.library import yolo
from training.detector.scenes import (
    FACES,
    ROUND,
    SIDE,
    UNCLEAR,
    Scene,
    Stock,
    alone,
    held_out_stock,
    is_face,
    stock_of,
)
from training.family import Figure

SEED = 8000
SCENES = 200
SURE = 0.3  # ADetailer's usual confidence
OVERLAP = 0.5  # intersection over union of a hit

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Counted:
    """Faces found, boxes given, faces there."""

    hits: int
    boxes: int
    faces: int

    @property
    def precision(self) -> float:
        """Share of boxes that are faces."""
        return self.hits / max(1, self.boxes)

    @property
    def recall(self) -> float:
        """Share of faces that are found."""
        return self.hits / max(1, self.faces)


def detector(path: Path, state: Path) -> Any:
    """The shipped file in the library's own class."""
    return yolo(state / "settings")(str(path))


def found(model: Any, pictures: list[Image.Image]) -> list[list[Box]]:
    """Boxes above the usual confidence, surest first, in pixels."""
    results = model.predict(pictures, conf=SURE, device="cpu", verbose=False)
    return [[tuple(box) for box in one.boxes.xyxy.tolist()] for one in results]


def likeness(first: Box, second: Box) -> float:
    """Intersection over union."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (areas - shared)


def count(boxes: list[list[Box]], scenes: list[Scene]) -> Counted:
    """Match boxes to faces, each face once."""
    hits = 0
    for guessed, scene in zip(boxes, scenes, strict=True):
        left: list[Box] = list(scene.boxes)
        for box in guessed:
            near = max(left, key=lambda face: likeness(box, face), default=None)
            if near and likeness(box, near) >= OVERLAP:
                left.remove(near)
                hits += 1
    return Counted(hits, sum(map(len, boxes)), sum(len(scene.boxes) for scene in scenes))


def subject_stock() -> Stock:
    """The subjects of the base checkpoint."""
    return stock_of([subject.emoji for subject in SUBJECTS])


def _average_precision(model: Any, folder: Path, scenes: list[Scene]) -> tuple[float, float]:
    """The library's mAP50 and mAP50-95."""
    write_scenes(folder / "val", scenes)
    data = write_dataset(folder, "val", "val")
    scores = model.val(
        data=str(data),
        imgsz=SIDE,
        batch=8,
        device="cpu",
        workers=0,
        plots=False,
        verbose=False,
        project=str(folder.resolve() / "runs"),
        exist_ok=True,
    )
    return float(scores.box.map50), float(scores.box.map)


def measure_drawn(path: Path, state: Path) -> list[Figure]:
    """Figures on scenes of emoji never seen in training, and of the base checkpoint's subjects."""
    torch.set_num_threads(1)
    figures = []
    for offset, (words, stock) in enumerate(
        (("emoji never trained on", held_out_stock()), ("the base's subjects", subject_stock()))
    ):
        model, scenes = detector(path, state), scenes_of(SEED + offset, SCENES, stock)
        half, mean = _average_precision(model, state / f"measured-{offset}", scenes)
        counted = count(found(model, [scene.picture for scene in scenes]), scenes)
        where = f"{SCENES} fresh scenes of {words}"
        figures += [
            Figure(f"mAP50, {where}", half, "", None, "", "at least 0.8", half >= 0.8),
            Figure(f"mAP50-95, {where}", mean),
            Figure(f"Precision at confidence {SURE}, {where}", 100 * counted.precision, "%"),
            Figure(f"Recall at confidence {SURE}, {where}", 100 * counted.recall, "%"),
        ]
    return figures


def measure_round(path: Path, state: Path) -> list[Figure]:
    """How often a single round thing is taken for a face, and how often a single face is found."""
    model, shares = detector(path, state), []
    for names in (ROUND, FACES):
        boxes = found(model, [alone(name, number) for number, name in enumerate(names)])
        shares.append(100 * sum(map(bool, boxes)) / len(boxes))
    wrong, right = shares
    return [
        Figure(
            f"Taken for a face, {len(ROUND)} single round things",
            wrong,
            "%",
            right,
            f"found, {len(FACES)} single faces",
        )
    ]


def asked(number: int, *, faces: bool) -> list[str]:
    """Prompts for the base checkpoint: `number` subjects that are faces, or that are clearly none."""
    rng = np.random.default_rng(SEED)
    fit = [
        at
        for at, subject in enumerate(SUBJECTS)
        if is_face(subject.emoji) is faces and subject.emoji[0] not in UNCLEAR
    ]
    picked = rng.permutation(np.resize(rng.permutation(fit), number))
    return [caption(rng, int(at), int(rng.integers(len(COLOURS))), small=False) for at in picked]


def generated(base: Path, prompts: list[str], seed: int) -> list[Image.Image]:
    """What the base checkpoint draws."""
    pixels = ((draw(load(base), prompts, seed).transpose(0, 2, 3, 1) + 1) * 127.5).round().astype(np.uint8)
    return [Image.fromarray(one) for one in pixels]


def measure_generated(path: Path, state: Path, base: Path) -> list[Figure]:
    """Figures on 40 pictures of the base checkpoint, and the time for one."""
    model, pictures = detector(path, state), {}
    shares = {}
    for faces in (True, False):
        pictures[faces] = generated(base, asked(20, faces=faces), SEED + faces)
        boxes = found(model, pictures[faces])
        shares[faces] = 100 * sum(map(bool, boxes)) / len(boxes)
        marked_sheet(pictures[faces], boxes, state / f"generated-{'faces' if faces else 'others'}.png")
    begun = time.perf_counter()
    found(model, pictures[True][:1])
    lasted = time.perf_counter() - begun
    right, wrong = shares[True], shares[False]
    return [
        Figure("Face found, 20 generated faces", right, "%", None, "", "at least 80 %", right >= 80),
        Figure("Face found, 20 generated other things", wrong, "%", None, "", "at most 10 %", wrong <= 10),
        Figure("Time for one picture of 128 x 128, one thread", lasted, "s"),
    ]


def marked_sheet(pictures: list[Image.Image], boxes: list[list[Box]], path: Path) -> None:
    """The pictures with the found boxes, ten to a row, to be looked at."""
    sheet = Image.new("RGB", (10 * SIDE, -(-len(pictures) // 10) * SIDE))
    for at, (picture, guessed) in enumerate(zip(pictures, boxes, strict=True)):
        marked = picture.copy()
        for box in guessed:
            ImageDraw.Draw(marked).rectangle(box, outline="red", width=2)
        sheet.paste(marked, (at % 10 * SIDE, at // 10 * SIDE))
    sheet.save(path)
