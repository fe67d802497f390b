"""DWPose on ONNX networks that do the same on a small scale: what is white is a person, and each of its
points is where one colour is strongest.
"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from generation.engine.errors import EngineError
from generation.engine.preprocess.dwpose import (
    LEFT_HAND,
    POINTS,
    POSE_DEVIATION,
    POSE_MEAN,
    POSE_SIZE,
    STRIDES,
)
from generation.engine.preprocess.loading import FOLDER, annotator_load
from generation.engine.spec import Parameter
from tests.engine.preprocess import onnx
from tests.engine.preprocess.drawing import made, pixels

PERSON_SIDE = 160
"""Pixels of every box on the detector's canvas."""
RED_POINTS = (5, 7, 9)
"""The left arm in COCO's order. The right one is green, the rest blue; the hands are nowhere."""
GREEN_POINTS = (6, 8, 10)


def detector() -> bytes:
    """Of YOLOX's shapes: at every cell a box of one size, as sure as its first pixel is white."""
    nodes, constants, parts = [], [], []
    for stride in STRIDES:
        weight = np.zeros((85, 3, 1, 1), np.float32)
        weight[4] = 1 / 255 / 3
        bias = np.zeros(85, np.float32)
        bias[2:4] = np.log(PERSON_SIDE / stride)
        bias[4], bias[5] = -0.5, 1.0
        name, side = f"s{stride}", 640 // stride
        constants += [onnx.tensor(f"{name}w", weight), onnx.tensor(f"{name}b", bias)]
        constants.append(onnx.tensor(f"{name}r", np.array([1, 85, side * side], np.int64)))
        nodes.append(
            onnx.node("Conv", ["images", f"{name}w", f"{name}b"], f"{name}c", kernel_shape=[1, 1],
                      strides=[stride, stride], pads=[0, 0, 0, 0], dilations=[1, 1], group=1)
        )  # fmt: skip
        nodes.append(onnx.node("Reshape", [f"{name}c", f"{name}r"], f"{name}f"))
        parts.append(f"{name}f")
    nodes.append(onnx.node("Concat", parts, "cells", axis=2))
    nodes.append(onnx.node("Transpose", ["cells"], "output", perm=[0, 2, 1]))
    return onnx.model(nodes, constants, ("images", (1, 3, 640, 640)), [("output", (1, 8400, 85))])


def estimator(bins: int = 2) -> bytes:
    """Of RTMPose's shapes: a bin is as full as its row or column of pixels has of the point's colour."""
    nodes, constants, outputs = [], [], []
    weight, bias = _colours()
    for axis, pooled, side in (("x", 2, POSE_SIZE[0]), ("y", 3, POSE_SIZE[1])):
        kernel = (1, bins) if axis == "x" else (bins, 1)
        spread = np.broadcast_to(weight.T.reshape(3, POINTS, 1, 1), (3, POINTS, *kernel))
        constants += [
            onnx.tensor(f"{axis}w", np.ascontiguousarray(spread)),
            onnx.tensor(f"{axis}b", bias),
            onnx.tensor(f"{axis}r", np.array([1, POINTS, side * bins], np.int64)),
        ]
        nodes += [
            onnx.node("ReduceMax", ["input"], f"{axis}m", axes=[pooled], keepdims=1),
            onnx.node("ConvTranspose", [f"{axis}m", f"{axis}w", f"{axis}b"], f"{axis}c", kernel_shape=kernel,
                      strides=kernel, pads=[0, 0, 0, 0], dilations=[1, 1], group=1),
            onnx.node("Reshape", [f"{axis}c", f"{axis}r"], f"simcc_{axis}"),
        ]  # fmt: skip
        outputs.append((f"simcc_{axis}", (1, POINTS, side * bins)))
    return onnx.model(nodes, constants, ("input", (1, 3, POSE_SIZE[1], POSE_SIZE[0])), outputs)


def _colours() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What makes a point's bin 1 on its own colour and 0 on black."""
    weight = np.zeros((POINTS, 3), np.float32)
    for point in range(LEFT_HAND.start):
        channel = 0 if point in RED_POINTS else 1 if point in GREEN_POINTS else 2
        weight[point, channel] = POSE_DEVIATION[channel] / 255
    bias = weight @ (POSE_MEAN / POSE_DEVIATION)
    return weight, bias.astype(np.float32)


@pytest.fixture
def helpers(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "yolox_l.onnx").write_bytes(detector())
    (tmp_path / FOLDER / "dw-ll_ucoco_384.onnx").write_bytes(estimator())
    return tmp_path


def person() -> Image.Image:
    """Coloured dots on black: red at (190, 150), green at (130, 150), blue at (200, 100). Nothing is white,
    so the whole picture is looked at.
    """
    picture = Image.new("RGB", (320, 256))
    draw = ImageDraw.Draw(picture)
    for (x, y), colour in (((190, 150), (255, 0, 0)), ((130, 150), (0, 255, 0)), ((200, 100), (0, 0, 255))):
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
    return picture


def pose(helpers: Path, picture: Image.Image, **parameters: Parameter) -> NDArray[np.int16]:
    annotator = annotator_load("dw_openpose_full", helpers)
    return pixels(made("dwpose", picture, resolution=256, annotator=annotator, parameters=dict(parameters)))


def colour_near(canvas: NDArray[np.int16], x: int, y: int, colour: tuple[int, int, int]) -> bool:
    """Whether the colour is drawn within two pixels of a place."""
    return bool((canvas[y - 2 : y + 3, x - 2 : x + 3] == colour).all(axis=2).any())


def test_points_are_found_and_drawn_in_openposes_colours(helpers: Path) -> None:
    canvas = pose(helpers, person(), draw_face=False)
    assert canvas.shape == (256, 320, 3)
    left_wrist, right_wrist, left_ear = (0, 255, 85), (170, 255, 0), (255, 0, 85)
    assert colour_near(canvas, 190, 150, left_wrist)
    assert colour_near(canvas, 130, 150, right_wrist)
    assert colour_near(canvas, 200, 100, left_ear)
    neck = (255, 85, 0)
    assert colour_near(canvas, 160, 150, neck)


def test_each_part_can_be_left_out(helpers: Path) -> None:
    whole = pose(helpers, person())
    assert colour_near(whole, 200, 100, (255, 255, 255))
    no_face = pose(helpers, person(), draw_face=False)
    assert not (no_face == 255).all(axis=2).any()
    face_alone = pose(helpers, person(), draw_body=False)
    assert set(np.unique(face_alone)) == {0, 255}
    assert not pose(helpers, person(), draw_body=False, draw_face=False).any()


def test_hands_nobody_sees_are_not_drawn(helpers: Path) -> None:
    kept = pose(helpers, person()), pose(helpers, person(), draw_hands=False)
    assert (kept[0] == kept[1]).all()


def test_the_detectors_box_limits_what_is_seen(helpers: Path) -> None:
    """A box 80 pixels wide around a white spot, where every colour is, at the left: the dots are outside."""
    picture = person()
    ImageDraw.Draw(picture).rectangle((32, 96, 35, 99), fill="white")
    canvas = pose(helpers, picture, draw_face=False)
    assert colour_near(canvas, 33, 97, (255, 0, 85))
    assert not canvas[:, 110:].any()


def test_it_is_a_resident_that_stays_where_it_is(helpers: Path) -> None:
    import torch

    annotator = annotator_load("dw_openpose_full", helpers)
    assert annotator is not None
    sizes = [path.stat().st_size for path in (helpers / FOLDER).iterdir()]
    assert annotator.nbytes == sum(sizes)
    assert annotator.to(torch.device("cpu")) is annotator


@pytest.mark.parametrize("file", ["yolox_l.onnx", "dw-ll_ucoco_384.onnx"])
def test_broken_files_are_refused(file: str, helpers: Path) -> None:
    path = helpers / FOLDER / file
    whole = path.read_bytes()
    for content in (b"", b"no network", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(EngineError) as caught:
            annotator_load("dw_openpose_full", helpers)
        assert (caught.value.code, caught.value.field) == ("model_corrupt", "controlnet.preprocessor")


def test_networks_of_other_shapes_are_refused_when_they_look(helpers: Path) -> None:
    path = helpers / FOLDER / "dw-ll_ucoco_384.onnx"
    path.write_bytes(estimator(bins=4))
    with pytest.raises(EngineError) as caught:
        pose(helpers, person())
    assert caught.value.code == "model_corrupt"
    path.write_bytes(detector())
    with pytest.raises(EngineError) as caught:
        pose(helpers, person())
    assert caught.value.code == "model_corrupt"
    (helpers / FOLDER / "yolox_l.onnx").write_bytes(estimator())
    with pytest.raises(EngineError) as caught:
        pose(helpers, person())
    assert caught.value.code == "model_corrupt"
