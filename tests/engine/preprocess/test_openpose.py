"""OpenPose on networks of the real size whose few weights that are not zero find dots of known colours.

Colours pass through all layers unchanged up to the last two, which turn each of 18 colours into one joint. So
what is drawn can be known beforehand, which random weights do not allow. Hands are loaded but nowhere seen:
looking at one takes a minute of CPU time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from generation.engine.errors import EngineError
from generation.engine.preprocess.annotator import library
from generation.engine.preprocess.catalog import preprocessor_info
from generation.engine.preprocess.loading import FOLDER, annotator_load
from tests.engine.preprocess.drawing import made, pixels
from tests.engine.preprocess.weights import saved

SIZE: Final = (512, 384)
GRID: Final = (
    (2, 2), (0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (0, 2), (0, 3), (1, 1),
    (2, 1), (3, 1), (1, 2), (1, 3), (1, 4), (3, 2), (2, 3), (4, 2), (2, 4),
)  # fmt: skip
"""Column and row of each of OpenPose's joints, laid out so that every limb leads to the right or down: the
network's other output, the direction of limbs, is right and down everywhere.
"""
PLACES: Final = [(40 + 72 * column, 40 + 72 * row) for column, row in GRID]
JOINT_COLOURS: Final = [
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0),
    (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255),
    (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85),
]  # fmt: skip
"""In which OpenPose draws the joints."""
SHARPNESS: Final = 40.0
LIKENESS: Final = 0.972
"""Cosine from which on a colour counts as a joint's; the 18 differ by 0.95 at most."""
FEATURES_AT: Final = 57
"""First channel of the picture's features in a later stage's input, behind 38 of limbs and 19 of joints."""


def paint() -> NDArray[np.float32]:
    """18 directions in red, green and blue: a triangular grid without its corners."""
    grid = [(a, b, 5 - a - b) for a in range(6) for b in range(6 - a) if max(a, b, 5 - a - b) < 5]
    values = np.array(grid, dtype=np.float32)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), dtype=np.float32)


def figure() -> Image.Image:
    picture = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(picture)
    for (x, y), colour in zip(PLACES, paint(), strict=True):
        red, green, blue = (round(float(value) * 255) for value in colour)
        draw.ellipse((x - 16, y - 16, x + 16, y + 16), fill=(red, green, blue))
    return picture


def passing(shape: tuple[int, ...], first: int = 0) -> torch.Tensor:
    """Three channels from ``first`` on pass in reverse order, through the middle of the kernel.

    Weights whose channels' numbers add up to the same are one number: 200 MB become a small file.
    """
    channels, taps = shape[0] + shape[1], shape[2] * shape[3]
    storage = torch.zeros(taps, channels)
    storage[taps // 2, first + 2] = 1.0
    return storage.as_strided(shape, (1, 1, channels * shape[3], channels))


def body() -> dict[str, torch.Tensor]:
    """The body's network under the names of the released file."""
    with torch.device("meta"):
        empty = library("open_pose.model").bodypose_model().state_dict()
    shapes = {name.partition(".")[2]: tuple(tensor.shape) for name, tensor in empty.items()}
    weights = {name: torch.zeros(1).expand(shape) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        if name.endswith("weight") and (name.startswith(("conv1", "conv2", "conv3", "conv4"))):
            weights[name] = passing(shape)
        elif name.endswith("stage6_L2.weight") and name[5] in "12345":
            weights[name] = passing(shape, FEATURES_AT if name[5] == "1" else 0)
    weights["conv1_1.bias"] = torch.full((64,), 0.5)  # the library's pictures are around zero
    detect = torch.zeros(128, 128, 1, 1)
    detect[:18, :3, 0, 0] = torch.from_numpy(paint()) * SHARPNESS
    weights["Mconv6_stage6_L2.weight"] = detect
    weights["Mconv6_stage6_L2.bias"] = torch.full((128,), -SHARPNESS * LIKENESS)
    weights["Mconv7_stage6_L2.weight"] = torch.eye(19, 128)[:, :, None, None].clone()
    weights["Mconv7_stage6_L1.bias"] = torch.ones(38)
    return weights


def brightness(construct: Callable[[], torch.nn.Module], *, prefix: bool) -> dict[str, torch.Tensor]:
    """A network that finds all its points where a blur of the picture is brightest."""
    with torch.device("meta"):
        empty = construct().state_dict()
    weights = {}
    for name, tensor in empty.items():
        mean = 1.0 / max(1, tensor[0].numel()) if name.endswith("weight") else 0.0
        weights[name.partition(".")[2] if prefix else name] = torch.tensor([mean]).expand(tensor.shape)
    weights["conv1_1.bias"] = torch.full((64,), 0.5)
    return weights


@pytest.fixture(scope="module")
def helpers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("helpers") / FOLDER
    saved(folder / "body_pose_model.pth", body())
    models: Any = library("open_pose.model")
    saved(folder / "hand_pose_model.pth", brightness(models.handpose_model, prefix=True))
    saved(folder / "facenet.pth", brightness(library("open_pose.face").FaceNet, prefix=False))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8_000_000
    return folder.parent


def pose(name: str, helpers: Path, picture: Image.Image) -> NDArray[np.int16]:
    annotator = annotator_load(name, helpers)
    return pixels(made(name, picture, resolution=384, annotator=annotator))


def test_every_joint_is_drawn_where_it_is(helpers: Path) -> None:
    canvas = pose("openpose", helpers, figure())
    assert canvas.shape == (384, 512, 3)
    for (x, y), colour in zip(PLACES, JOINT_COLOURS, strict=True):
        near = canvas[y - 14 : y + 15, x - 14 : x + 15]  # the network's cells are 17 pixels wide
        assert (near == colour).all(axis=2).any(), f"no joint of colour {colour} near {x}, {y}"
    assert not canvas[:, 440:].any()


def test_a_picture_without_people_gives_an_empty_map(helpers: Path) -> None:
    annotator = annotator_load("openpose_full", helpers)
    assert not pixels(
        made("openpose_full", Image.new("RGB", (64, 64), (30, 30, 30)), annotator=annotator)
    ).any()


def test_a_face_is_found_by_the_head_and_drawn_alone(helpers: Path) -> None:
    """Its points are all in one place, somewhere between the neck and the eyes."""
    canvas = pose("openpose_faceonly", helpers, figure())
    assert set(np.unique(canvas)) == {0, 255}
    assert (canvas == canvas[:, :, :1]).all()
    rows, columns = np.nonzero(canvas[:, :, 0])
    assert max(np.ptp(rows), np.ptp(columns)) <= 12
    assert 40 < columns.mean() < 330
    assert 40 < rows.mean() < 330


def test_each_variant_loads_its_own_files(helpers: Path, tmp_path: Path) -> None:
    sizes = {
        name: getattr(annotator_load(name, helpers), "nbytes", 0)
        for name in ("openpose", "openpose_hand", "openpose_face", "openpose_full")
    }
    body_bytes = sizes["openpose"]
    hand, face = sizes["openpose_hand"] - body_bytes, sizes["openpose_face"] - body_bytes
    assert hand > 100e6
    assert face > 100e6
    assert sizes["openpose_full"] == body_bytes + hand + face
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "body_pose_model.pth").symlink_to(helpers / FOLDER / "body_pose_model.pth")
    annotator_load("openpose", tmp_path)
    for name in ("openpose_hand", "openpose_face", "openpose_full"):
        with pytest.raises(EngineError, match=preprocessor_info(name).files[1].name):
            annotator_load(name, tmp_path)
