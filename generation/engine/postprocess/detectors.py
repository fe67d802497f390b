"""Detectors of every kind behind one face, for ADetailer: files of ultralytics, and those known by name."""

from pathlib import Path
from typing import Final, Protocol, Self

import cv2
import numpy as np
import torch
from PIL import Image

from generation.engine.errors import EngineError
from generation.engine.postprocess.catalog import BUILTIN_DETECTORS
from generation.engine.postprocess.regions import Region, box_mask, regions_surest
from generation.engine.postprocess.yolo import yolo_load
from generation.engine.resident import Resident
from generation.engine.spec import limits

CASCADE: Final = "haarcascade_frontalface_default.xml"


class Detector(Resident, Protocol):
    """Finds things in pictures."""

    def find(self, image: Image.Image, confidence: float) -> list[Region]:
        """Regions of an RGB picture of which the detector is at least as sure as ``confidence``, 0 to 1."""
        ...


def detector_load(source: Path | str) -> Detector:
    """The detector in a ``.pt`` file of ultralytics, or the one of that name in ``BUILTIN_DETECTORS``.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe``, ``model_corrupt``,
    ``model_unsupported``, ``invalid_request`` (no such name) or ``package_missing``.
    """
    if isinstance(source, Path):
        return yolo_load(source)
    builtin = BUILTIN_DETECTORS.get(source)
    if builtin is None:
        raise limits.invalid(
            "adetailer.detector",
            f"There is no detector {source[:100]!r}.",
            hint=f"Choose a detector file, or one of: {', '.join(BUILTIN_DETECTORS)}.",
        )
    if builtin.extra:
        from generation.engine.postprocess.mediapipe_faces import MediapipeDetector

        return MediapipeDetector(source)
    return CascadeDetector()


def detect(image: Image.Image, detector: Detector, confidence: float) -> tuple[Region, ...]:
    """What ``detector`` finds in a picture of any mode: at most ``MAX_DETECTIONS`` regions, surest first."""
    return tuple(regions_surest(detector.find(image.convert("RGB"), confidence), limits.MAX_DETECTIONS))


class CascadeDetector:
    """Faces seen from the front, by the boosted cascade that comes with OpenCV (Viola and Jones 2001)."""

    nbytes: Final = 0

    def __init__(self) -> None:
        file = Path(cv2.__file__).parent / "data" / CASCADE
        self._cascade = cv2.CascadeClassifier(str(file))
        if self._cascade.empty():
            raise EngineError(
                "package_missing",
                "This OpenCV has no face cascade.",
                hint="Install opencv-python below version 5, or choose another detector.",
            )

    def to(self, device: torch.device) -> Self:
        """It works on the CPU wherever the rest is."""
        return self

    def find(self, image: Image.Image, confidence: float) -> list[Region]:
        grey = np.asarray(image.convert("L"))
        boxes, _, margins = self._cascade.detectMultiScale3(
            grey, scaleFactor=1.1, minNeighbors=4, outputRejectLevels=True
        )
        regions = []
        for (left, top, width, height), margin in zip(boxes, np.ravel(margins), strict=True):
            # The last stage's margin has no upper bound.
            box = (float(left), float(top), float(left + width), float(top + height))
            score = float(1.0 - np.exp(-max(float(margin), 0.0) / 3.0))
            if score >= confidence:
                regions.append(Region(box=box, mask=box_mask(image.size, box), score=score, label="face"))
        return regions
