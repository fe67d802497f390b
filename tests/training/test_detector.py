"""The shipped detector, loaded by plain `YOLO(path)`: it finds faces, and other things it leaves alone."""

import json
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from training.__main__ import DEMO
from training.detector.evaluate import count, detector, found, likeness, subject_stock
from training.detector.fit import scenes_of, write_dataset, write_scenes
from training.detector.scenes import FACES, ROUND, SIDE, Scene, Stock, alone, held_out_stock, label, worn

FILE = DEMO / "detectors" / "face.pt"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield detector(FILE, tmp_path_factory.mktemp("state"))
    torch.set_num_threads(threads)


@pytest.mark.parametrize("stock", [held_out_stock(), subject_stock()], ids=["unseen", "subjects"])
def test_it_finds_the_faces_of_composed_scenes(model: Any, stock: Stock) -> None:
    scenes = scenes_of(9100, 24, stock)  # another seed than that of the card's figures
    counted = count(found(model, [scene.picture for scene in scenes]), scenes)
    assert counted.faces >= 20
    assert counted.recall >= 0.6
    assert counted.precision >= 0.6


def test_it_tells_faces_from_other_round_things(model: Any) -> None:
    shares = []
    for names in (FACES[::3], ROUND[::2]):
        boxes = found(model, [alone(emoji, number) for number, emoji in enumerate(names)])
        shares.append(sum(map(bool, boxes)) / len(names))
    assert shares[0] >= 0.85
    assert shares[1] <= 0.45  # a full moon or a basketball may still be taken for a face


def test_the_file_knows_its_class_and_size(model: Any) -> None:
    assert model.task == "detect"
    assert model.names == {0: "face"}
    assert model.overrides["imgsz"] == SIDE
    assert FILE.stat().st_size <= 2_200_000


def test_the_file_holds_no_paths_and_only_known_classes() -> None:
    with zipfile.ZipFile(FILE) as packed:
        (name,) = [name for name in packed.namelist() if name.endswith("data.pkl")]
        content = packed.read(name)
    texts = [argument for _, argument, _ in pickletools.genops(content) if isinstance(argument, str)]
    assert not [text for text in texts if text.startswith(("/", "~")) or ":\\" in text]
    modules = {opcode_argument.split(" ")[0].split(".")[0] for opcode_argument in _globals(content)}
    assert modules <= {"torch", "ultralytics", "collections", "builtins", "__builtin__"}


def _globals(content: bytes) -> list[str]:
    return [str(argument) for opcode, argument, _ in pickletools.genops(content) if opcode.name == "GLOBAL"]


def test_labels_are_shares_of_the_picture(tmp_path: Path) -> None:
    scene = Scene(Image.new("RGB", (SIDE, SIDE)), ((0, 32, 64, 96),))
    assert label(scene) == "0 0.25000 0.50000 0.50000 0.50000\n"
    write_scenes(tmp_path / "val", [scene])
    data = json.loads(write_dataset(tmp_path, "val", "val").read_text(encoding="utf-8"))
    assert data["names"] == {"0": "face"}
    assert (tmp_path / "val" / "labels" / "00000.txt").read_text(encoding="utf-8") == label(scene)


def test_scenes_mark_every_face_inside_the_picture() -> None:
    boxes = [box for scene in scenes_of(5, 40, held_out_stock()) for box in scene.boxes]
    assert len(boxes) > 20
    assert all(0 <= left < right <= SIDE and 0 <= top < bottom <= SIDE for left, top, right, bottom in boxes)
    assert not [box for scene in scenes_of(5, 40, Stock(("🍎",), ("🍎",))) for box in scene.boxes]


def test_worn_pictures_keep_their_size() -> None:
    rng, scene = np.random.default_rng(2), scenes_of(5, 1, held_out_stock())[0]
    assert {worn(rng, scene.picture).size for _ in range(6)} == {(SIDE, SIDE)}


def test_each_face_counts_once() -> None:
    scene = Scene(Image.new("RGB", (SIDE, SIDE)), ((0, 0, 40, 40), (60, 60, 100, 100)))
    twice = [[(0.0, 0.0, 40.0, 40.0), (1.0, 1.0, 40.0, 40.0), (90.0, 90.0, 120.0, 120.0)]]
    counted = count(twice, [scene])
    assert (counted.hits, counted.boxes, counted.faces) == (1, 3, 2)
    assert likeness((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
