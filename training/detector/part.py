"""The face detector as a part of the family."""

import json

from training.detector.evaluate import SURE, measure_drawn, measure_generated, measure_round
from training.detector.fit import BATCH, BOX_BINS, SCENES, Config, export, train
from training.detector.scenes import SIDE
from training.family import Card, Entry, Facts, Figure, Part, Run

NAME = "detector"
SEED, HARD_SEED = 31, 33


def _train(run: Run) -> None:
    minutes = run.minutes("detector.train", 14)
    train(Config(run.folder(NAME), run.emoji(), run.demo / "base", minutes, SEED))


def _harden(run: Run) -> None:
    first, minutes = run.folder(NAME), run.minutes("detector.harden", 9)
    train(Config(first / "hard", run.emoji(), run.demo / "base", minutes, HARD_SEED, first))


def _export(run: Run) -> None:
    export(run.folder(NAME) / "hard", run.demo / ENTRY.path)


def _facts(run: Run) -> Facts:
    files = [run.folder(NAME) / place / "diary.json" for place in ("", "hard")]
    diaries = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    updates = sum(int(diary["updates"]) for diary in diaries)
    return {
        "optimiser": "AdamW by ultralytics' trainer, rate 0.002 (second stage 0.001), falling linearly",
        "steps": updates,
        "samples": f"{updates * BATCH} views of {len(diaries) * SCENES} scenes",
        "minutes": round(sum(diary["seconds"] for diary in diaries) / 60, 1),
        "seeds": f"{SEED}, second stage {HARD_SEED}",
    }


def _measure(run: Run) -> list[Figure]:
    path, state = run.demo / ENTRY.path, run.folder(NAME)
    drawn = [*measure_drawn(path, state), *measure_round(path, state)]
    return [*drawn, *measure_generated(path, state, run.demo / "base")]


ENTRY = Entry(
    name="Demo face detector",
    kind="detector",
    family="unknown",
    format="ultralytics",
    path="detectors/face.pt",
    description="A tiny YOLO that finds the faces of emoji: smileys, animals and people seen from the front",
    license="AGPL-3.0",
)

CARD = Card(
    title="Demo face detector",
    pipeline_tag="object-detection",
    tags=("ultralytics", "yolo", "adetailer"),
    summary="""
Finds the faces of emoji, so that ADetailer has something to repair in the pictures of the demo
checkpoint. One class, "face": a head seen from the front that fills its emoji, that is smileys, cat,
dog, bear and other animal faces, human heads, and masks such as the skull, the robot, the alien and
the pumpkin lantern. Whole figures and heads from the side are not meant.
""",
    usage=f"""
`YOLO("face.pt").predict(picture, conf={SURE})` of ultralytics. It was trained at {SIDE} x {SIDE} pixels,
and the file asks for that size; say `imgsz=256` for faces smaller than an eighth of the picture.

A `.pt` file is a pickle: loading one can run code. Load it only when its SHA-256 is the one in
`manifest.json`; the models hub checks that. The training paths and settings were taken out of it.
""",
    extra=f"""
The layout is that of YOLOv8 nano at half its width, with {BOX_BINS} instead of 16 bins for each side of
a box: 0.76 million parameters. mAP is ultralytics' own; precision and recall count boxes of a confidence
of {SURE} or more that overlap a face by half. "Generated" pictures are the demo checkpoint's: a face counts
as found when there is any box.
""",
    data="""
Scenes of up to five Noto Color Emoji (Debian fonts-noto-color-emoji 2.042) in sizes from 18 to 122
pixels, overlapping by at most a third, on plain grounds and gradients; about half of the emoji are no
faces, moons, suns, balls and fruit among them (a second, shorter stage shows these more often). 20 % of
the scenes were blurred, made smaller and larger again, or went through JPEG; 25 % went through the demo
checkpoint's autoencoder. Emoji whose code point ends in 7 (one in ten) were held out. Of the base's
subjects only the tiger is a held-out face.
""",
    limits="""
It knows drawn emoji faces, not photographs. Round things with some drawing on them (a full moon, a ball, a
clock) are sometimes taken for faces; a higher confidence, 0.5, helps. The model code of ultralytics is
part of the file's format, and its licence, AGPL-3.0, covers the file; the art it learnt from is under
OFL-1.1.
""",
)

STAGES = {"train": _train, "harden": _harden, "export": _export}
PARTS = (Part(NAME, ENTRY, STAGES, _facts, _measure, CARD),)
