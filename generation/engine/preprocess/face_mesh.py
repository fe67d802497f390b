"""Face meshes by MediaPipe, which is not installed by default: its packages hold numpy and protobuf back."""

import importlib.util

import numpy as np

from generation.engine.errors import EngineError
from generation.engine.preprocess.annotator import library
from generation.engine.preprocess.subject import Pixels, Subject


def face_mesh(subject: Subject) -> Pixels:
    """Coloured outlines of faces on black. Raises ``EngineError("package_missing")``."""
    if importlib.util.find_spec("mediapipe") is None:
        raise EngineError(
            "package_missing",
            "The preprocessor mediapipe_face needs the Python package mediapipe, which is not installed.",
            hint="Install mediapipe==0.10.21 (with numpy below 2) on the GPU worker, or use openpose_face.",
            field="controlnet.preprocessor",
        )
    made = library("mediapipe_face").MediapipeFaceDetector()(
        subject.pixels,
        max_faces=int(subject.number("max_faces")),
        min_confidence=subject.number("min_confidence"),
        detect_resolution=subject.side,
        image_resolution=subject.side,
        output_type="np",
    )
    return np.asarray(made, dtype=np.uint8)
