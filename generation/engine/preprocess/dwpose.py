"""DWPose (Yang et al. 2023, arXiv:2307.15880) from its released ONNX files, by OpenCV alone.

controlnet-aux runs it with mmcv, mmdet and mmpose, which have to be compiled for each version of torch. The
first network (YOLOX-L) finds people, the second (RTMPose whole body) 133 points of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from generation.engine.checkpoints.header import corrupt
from generation.engine.errors import EngineError
from generation.engine.preprocess.annotator import Annotator, library
from generation.engine.preprocess.subject import Pixels, Subject

Floats = NDArray[np.float32]

DETECTOR_SIDE: Final = 640
STRIDES: Final = (8, 16, 32)
PERSON: Final = 0
"""COCO's first class."""
PERSON_SCORE: Final = 0.3
OVERLAP: Final = 0.45
POSE_SIZE: Final = (288, 384)
"""Width and height."""
POSE_MEAN: Final = np.array([123.675, 116.28, 103.53], dtype=np.float32)
POSE_DEVIATION: Final = np.array([58.395, 57.12, 57.375], dtype=np.float32)
MARGIN: Final = 1.25
"""How much larger than a person the part is that the second network sees."""
BINS_PER_PIXEL: Final = 2
POINTS: Final = 133
POINT_SCORE: Final = 0.3
OPENPOSE_BODY: Final = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""COCO's point for each of OpenPose's 18; its neck is the middle of COCO's shoulders."""
SHOULDERS: Final = (5, 6)
FACE: Final = slice(23, 91)
LEFT_HAND: Final = slice(91, 112)
RIGHT_HAND: Final = slice(112, 133)


class Person(NamedTuple):
    """The points of one person in pixels (133, 2), and how sure the network is of each (133)."""

    points: Floats
    scores: Floats


@dataclass(frozen=True, slots=True)
class OnnxNetwork:
    """A network that OpenCV runs, on the CPU."""

    path: Path
    net: Any

    def __call__(self, batch: Floats, outputs: int) -> list[Floats]:
        """What comes out for (n, 3, height, width). Raises ``EngineError("model_corrupt")``."""
        self.net.setInput(batch)
        try:
            made = self.net.forward(self.net.getUnconnectedOutLayersNames())
        except cv2.error as error:
            raise corrupt(self.path, "it does not take pictures of this preprocessor's size") from error
        if len(made) != outputs:
            raise corrupt(self.path, f"it has {len(made)} outputs and should have {outputs}")
        return [np.asarray(each, dtype=np.float32) for each in made]


def dwpose(paths: tuple[Path, ...]) -> Annotator:
    detector, estimator = (_read(path) for path in paths)

    def look(subject: Subject) -> Pixels:
        people = [_person(estimator, subject.pixels, box) for box in _people(detector, subject.pixels)]
        return _drawn(people, subject)

    return Annotator((), look, beside=sum(path.stat().st_size for path in paths))


def _read(path: Path) -> OnnxNetwork:
    try:
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        return OnnxNetwork(path, cv2.dnn.readNetFromONNX(content))
    except OSError as error:
        raise EngineError("model_missing", f"{path.name} cannot be read: {error.strerror}.") from error
    except cv2.error as error:
        raise corrupt(path, "it is no ONNX network, or is cut off") from error


def _people(detector: OnnxNetwork, pixels: Pixels) -> list[Floats]:
    """Boxes (x, y, width, height) in pixels, the surest first; the whole picture if nobody is found."""
    height, width = pixels.shape[:2]
    scale = DETECTOR_SIDE / max(height, width)
    canvas = np.full((DETECTOR_SIDE, DETECTOR_SIDE, 3), 114, dtype=np.uint8)
    fitted = cv2.resize(pixels, (round(width * scale), round(height * scale)))
    canvas[: fitted.shape[0], : fitted.shape[1]] = fitted
    # YOLOX was trained on blue, green, red in 0 to 255.
    batch = canvas[:, :, ::-1].astype(np.float32).transpose(2, 0, 1)[None]
    (found,) = detector(np.ascontiguousarray(batch), outputs=1)
    boxes, scores = _decoded(found, detector.path)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), PERSON_SCORE, OVERLAP)
    if len(kept) == 0:
        return [_floats(0, 0, width, height)]
    return [boxes[index] / scale for index in np.asarray(kept).ravel()]


def _decoded(found: Floats, path: Path) -> tuple[Floats, Floats]:
    """Boxes (n, 4) as x, y, width, height on the detector's canvas, and scores (n) as a person."""
    cells = [(DETECTOR_SIDE // stride, stride) for stride in STRIDES]
    count = sum(side * side for side, _ in cells)
    if found.ndim != 3 or found.shape[1] != count or found.shape[2] <= 5 + PERSON:
        raise corrupt(path, f"it gives {found.shape} and should give {(1, count, 85)}")
    grid = np.concatenate([np.indices((side, side))[::-1].reshape(2, -1).T for side, _ in cells])
    strides = np.concatenate([np.full((side * side, 1), stride) for side, stride in cells])
    middle = (found[0, :, :2] + grid) * strides
    size = np.exp(np.minimum(found[0, :, 2:4], 10.0)) * strides
    boxes = np.concatenate([middle - size / 2, size], axis=1).astype(np.float32)
    return boxes, found[0, :, 4] * found[0, :, 5 + PERSON]


def _person(estimator: OnnxNetwork, pixels: Pixels, box: Floats) -> Person:
    """The points of whoever is in the box: each axis has a row of bins, and the fullest is the place."""
    corner, size = _seen(box)
    factor = POSE_SIZE[0] / size[0]
    moved = _floats(factor, 0, -corner[0] * factor, 0, factor, -corner[1] * factor).reshape(2, 3)
    part = cv2.warpAffine(pixels, moved, POSE_SIZE, flags=cv2.INTER_LINEAR)
    batch = ((part.astype(np.float32) - POSE_MEAN) / POSE_DEVIATION).transpose(2, 0, 1)[None]
    axes = sorted(estimator(np.ascontiguousarray(batch), outputs=2), key=lambda axis: axis.shape[-1])
    wanted = [(1, POINTS, side * BINS_PER_PIXEL) for side in POSE_SIZE]
    if [axis.shape for axis in axes] != wanted:
        raise corrupt(estimator.path, f"it gives {[axis.shape for axis in axes]} and should give {wanted}")
    places = np.stack([axis[0].argmax(axis=1) for axis in axes], axis=1) / BINS_PER_PIXEL
    scores = np.minimum(*(axis[0].max(axis=1) for axis in axes))
    return Person((places / factor + corner).astype(np.float32), scores)


def _seen(box: Floats) -> tuple[Floats, Floats]:
    """Corner and size of the part with the second network's shape around the box."""
    left, top, width, height = (float(value) for value in box)
    ratio = POSE_SIZE[0] / POSE_SIZE[1]
    whole = max(width, height * ratio, 1.0) * MARGIN
    size = _floats(whole, whole / ratio)
    return _floats(left + (width - size[0]) / 2, top + (height - size[1]) / 2), size


def _floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)


def _drawn(people: Sequence[Person], subject: Subject) -> Pixels:
    """Stick figures on black, drawn as for OpenPose."""
    open_pose = library("open_pose")
    height, width = subject.pixels.shape[:2]
    size = _floats(width, height)
    poses = [_pose(open_pose, Person(person.points / size, person.scores)) for person in people]
    options = {
        "draw_body": bool(subject.parameters["draw_body"]),
        "draw_hand": bool(subject.parameters["draw_hands"]),
        "draw_face": bool(subject.parameters["draw_face"]),
    }
    return np.asarray(open_pose.draw_poses(poses, height, width, **options), dtype=np.uint8)


def _pose(open_pose: Any, person: Person) -> Any:
    """A person with points in shares of the picture, in the library's words."""
    joints = [_joint(open_pose, person, SHOULDERS if point is None else (point,)) for point in OPENPOSE_BODY]
    parts = [joint for joint in joints if joint is not None]
    body = open_pose.BodyResult(joints, float(len(parts)), len(parts))
    left, right, face = (_group(open_pose, person, part) for part in (LEFT_HAND, RIGHT_HAND, FACE))
    return open_pose.PoseResult(body, left, right, face)


def _joint(open_pose: Any, person: Person, points: tuple[int, ...]) -> Any:
    """The middle of some points, or None where the network is not sure of one."""
    if any(person.scores[point] <= POINT_SCORE for point in points):
        return None
    x, y = person.points[list(points)].mean(axis=0)
    return open_pose.Keypoint(float(x), float(y))


def _group(open_pose: Any, person: Person, part: slice) -> Any:
    """The points of a hand or a face; those that are not sure lie outside, where nothing is drawn."""
    sure = person.scores[part, None] > POINT_SCORE
    places = np.where(sure, person.points[part], -1.0)
    return [open_pose.Keypoint(float(x), float(y)) for x, y in places] if sure.any() else None
