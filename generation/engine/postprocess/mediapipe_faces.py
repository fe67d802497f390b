"""The face detectors of MediaPipe, an optional package whose own files hold the networks."""

import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Self

import cv2
import numpy as np
from PIL import Image

from generation.engine.errors import EngineError
from generation.engine.postprocess.regions import Region, box_mask
from generation.engine.spec import limits

if TYPE_CHECKING:
    import torch

SELECTIONS: Final = {"mediapipe_face_short": 0, "mediapipe_face_full": 1}
"""MediaPipe's own numbers for faces within two metres, and within five."""
EYES: Final = ("FACEMESH_LEFT_EYE", "FACEMESH_RIGHT_EYE")


class MediapipeDetector:
    """Boxes of faces, their outlines, or those of their eyes, by the name in ``BUILTIN_DETECTORS``."""

    nbytes: Final = 0

    def __init__(self, name: str) -> None:
        """Raises ``EngineError("package_missing")``."""
        self._name = name
        self._solutions = _solutions()

    def to(self, device: "torch.device") -> Self:
        """It works on the CPU wherever the rest is."""
        return self

    def find(self, image: Image.Image, confidence: float) -> list[Region]:
        """Regions of an RGB picture; outlines have no score of their own and get ``confidence``."""
        if self._name in SELECTIONS:
            return self._boxes(image, confidence)
        return self._outlines(image, confidence)

    def _boxes(self, image: Image.Image, confidence: float) -> list[Region]:
        with self._solutions.face_detection.FaceDetection(
            model_selection=SELECTIONS[self._name], min_detection_confidence=confidence
        ) as detection:
            found = detection.process(np.asarray(image)).detections or ()
        regions = []
        for face in found:
            place = face.location_data.relative_bounding_box
            box = _within(
                image.size, (place.xmin, place.ymin, place.xmin + place.width, place.ymin + place.height)
            )
            regions.append(
                Region(box=box, mask=box_mask(image.size, box), score=float(face.score[0]), label="face")
            )
        return regions

    def _outlines(self, image: Image.Image, confidence: float) -> list[Region]:
        mesh = self._solutions.face_mesh
        with mesh.FaceMesh(
            static_image_mode=True,
            max_num_faces=limits.MAX_DETECTIONS,
            min_detection_confidence=confidence,
        ) as detection:
            faces = detection.process(np.asarray(image)).multi_face_landmarks or ()
        eyes_only = self._name.endswith("eyes_only")
        parts = (
            [{point for line in getattr(mesh, eye) for point in line} for eye in EYES] if eyes_only else []
        )
        regions = []
        for face in faces:
            points = np.array([(point.x, point.y) for point in face.landmark]) * image.size
            hulls = [points[sorted(part)] for part in parts] or [points]
            regions.append(_outlined(image.size, hulls, confidence, "eyes" if eyes_only else "face"))
        return regions


def _outlined(
    size: tuple[int, int], hulls: Iterable[np.ndarray[Any, Any]], score: float, label: str
) -> Region:
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    for points in hulls:
        cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(points).astype(np.int32)), 255)
    everything = np.concatenate(list(hulls)) / size
    box = _within(size, (*everything.min(axis=0), *everything.max(axis=0)))
    return Region(box=box, mask=Image.fromarray(mask), score=score, label=label)


def _within(
    size: tuple[int, int], shares: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """A box in shares of the picture, in pixels within it."""
    width, height = size
    left, top, right, bottom = (min(max(float(share), 0.0), 1.0) for share in shares)
    return left * width, top * height, right * width, bottom * height


def _solutions() -> ModuleType:
    """The part that holds the detectors; MediaPipe 1 has left it out."""
    try:
        solutions: ModuleType = importlib.import_module("mediapipe").solutions
    except (ImportError, AttributeError) as error:
        raise EngineError(
            "package_missing",
            "This detector needs the Python package mediapipe, which is not installed or is too new.",
            hint="Install mediapipe 0.10.21 on the GPU worker, or choose another detector: opencv_face or a "
            "file of ultralytics.",
            field="adetailer.detector",
        ) from error
    return solutions
