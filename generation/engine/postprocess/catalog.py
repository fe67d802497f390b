"""The detectors that need no file of the user's. Needs no torch: the web tier reads it too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BuiltinDetector:
    """A detector known by name."""

    label: str
    extra: str = ""
    """The optional Python package that it needs, or empty."""


BUILTIN_DETECTORS: Final[Mapping[str, BuiltinDetector]] = {
    "opencv_face": BuiltinDetector("Face from the front (OpenCV, photographs)"),
    "mediapipe_face_full": BuiltinDetector("Face, also far away (MediaPipe)", "mediapipe"),
    "mediapipe_face_short": BuiltinDetector("Face, near (MediaPipe)", "mediapipe"),
    "mediapipe_face_mesh": BuiltinDetector("Outline of a face (MediaPipe)", "mediapipe"),
    "mediapipe_face_mesh_eyes_only": BuiltinDetector("Eyes (MediaPipe)", "mediapipe"),
}
